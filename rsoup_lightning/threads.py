"""How many threads compute."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch on one thread inside the block, where other threads need the CPU's cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def cores() -> int:
    """How many CPU cores this process may use, which are not all of the machine's where it is tied to some.

    Threads that share a core and wait for each other cost more than they bring.
    """
    return len(core_numbers())


def core_numbers() -> list[int]:
    """The numbers of those cores."""
    return sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else [*range(os.cpu_count() or 1)]
