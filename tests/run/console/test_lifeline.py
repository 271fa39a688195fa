from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from tests.running import environment

STUCK = """
import re, sys
from rsoup_lightning.run.console.lifeline import hang_on
hang_on(int(sys.argv[1]))
print("stuck", flush=True)
re.match(r"(a+)+$", "a" * 60 + "b")  # for years, and no other thread has a turn
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone ends processes by a pipe")
def test_a_process_that_is_stuck_ends_when_the_far_end_closes() -> None:
    near, far = os.pipe()
    command = [sys.executable, "-c", STUCK, str(near)]
    with subprocess.Popen(
        command, pass_fds=[near], stdout=subprocess.PIPE, env=environment(), start_new_session=True
    ) as process:
        os.close(near)
        assert process.stdout is not None and process.stdout.readline() == b"stuck\n"
        assert process.poll() is None
        os.close(far)
        try:
            assert process.wait(10) == -signal.SIGKILL
        finally:
            process.kill()
