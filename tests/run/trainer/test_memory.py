from __future__ import annotations

from pathlib import Path

import pytest
import torch

from rsoup_lightning.run.trainer import memory

CPU = torch.device("cpu")
MANY = 200_000_000  # bytes


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux tells")
def test_what_was_used_before_does_not_count() -> None:
    memory.count_memory_anew(CPU)
    before = memory.most_memory(CPU)
    large = torch.ones(MANY // 4)
    within = memory.most_memory(CPU)
    del large
    memory.count_memory_anew(CPU)
    after = memory.most_memory(CPU)
    assert before is not None and within is not None and after is not None
    assert within - before > 0.9 * MANY and within - after > 0.9 * MANY


def test_a_system_that_does_not_tell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(memory, "PROCESS", tmp_path / "none")
    memory.count_memory_anew(CPU)
    assert memory.most_memory(CPU) is None
