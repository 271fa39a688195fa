"""A pipe whose far end keeps processes alive: they end with whoever holds it, also while their Python is stuck."""

from __future__ import annotations

import fcntl
import os
import signal


def hang_on(descriptor: int) -> None:
    """Have the kernel kill this process and its group as soon as the far end of a pipe is closed.

    A thread that waits for that has no turn while one call keeps Python's lock. Linux alone does this.

    Args:
        descriptor: the end to read from; nothing may ever be written to the other one.
    """
    fcntl.fcntl(descriptor, fcntl.F_SETOWN, -os.getpgrp())
    fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(descriptor, fcntl.F_SETFL, fcntl.fcntl(descriptor, fcntl.F_GETFL) | os.O_ASYNC)
