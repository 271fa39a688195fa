"""The most memory that a stage takes."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import torch

PROCESS = Path("/proc/self")


def count_memory_anew(device: torch.device) -> None:
    """From now on :func:`most_memory` tells of what follows."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    else:
        with suppress(OSError):  # no Linux, or no right to: the next function says what it can
            (PROCESS / "clear_refs").write_text("5")


def most_memory(device: torch.device) -> int | None:
    """Bytes: of a GPU, those of tensors on it; else of this process, or None where the system does not tell."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    with suppress(OSError):
        return int((PROCESS / "status").read_text().partition("VmHWM:")[2].split()[0]) * 1024
    return None
