from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from rsoup_lightning.errors import ConfigError, OutputError
from rsoup_lightning.modalities.learnt import bounded, check_limit, learnt


@dataclass(frozen=True)
class Constant:
    value: float
    accuracy: float = 0.75

    def save(self, path: Path) -> None:
        path.write_text(str(self.value))


def constant(value: float = 2.0, corpus: str = "a") -> Constant:
    return learnt(
        "Constancy", {"corpus": corpus}, lambda: Constant(value), lambda path: Constant(float(path.read_text()))
    )


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RSOUP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_it_is_learnt_once_for_its_settings(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        assert constant(2.0).value == 2.0
    assert "Constancy: 75.0 % of what was held out right" in caplog.text
    assert constant(3.0).value == 2.0
    assert constant(3.0, corpus="b").value == 3.0


def test_a_damaged_file_is_learnt_anew(cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    constant(2.0)
    (file,) = cache.rglob("classifier")
    file.write_text("no number")
    with caplog.at_level(logging.WARNING):
        assert constant(3.0).value == 3.0
    assert str(file.parent) in caplog.text


def test_a_cache_that_cannot_be_written_is_named(cache: Path) -> None:
    cache.write_text("a file where the folder would be")
    with pytest.raises(OutputError, match=str(cache)):
        constant()


def test_limits() -> None:
    values = torch.tensor([-3.0, 0.5, 3.0])
    assert bounded(values, check_limit(None)).tolist() == values.tolist()
    assert bounded(values, check_limit(1.0)).tolist() == [-1.0, 0.5, 1.0]
    with pytest.raises(ConfigError, match="limit is 0"):
        check_limit(0.0)
