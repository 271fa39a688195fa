"""One process at a time: living holders are named, dead ones are told from them, with the system's locks or without."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from threading import Timer

import pytest

from rsoup_lightning.errors import RunFolderError
from rsoup_lightning.run.folders import lock
from rsoup_lightning.run.folders.lock import LOCK, only_process
from tests.running import environment

HOLD = """
import os, sys, time
from pathlib import Path
from rsoup_lightning.run.folders import lock
from rsoup_lightning.run.folders.lock import only_process
with only_process(Path(sys.argv[1])):
    begun, tell = os.pipe()
    if os.fork() == 0:  # a worker that outlives its parent
        os.write(tell, b"1")
        time.sleep(60)
        os._exit(0)
    os.read(begun, 1)
    print("held", flush=True)
    time.sleep(60)
"""


def _holder(folder: Path) -> subprocess.Popen[str]:
    """A process that holds ``folder``, and has a forked worker."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


@pytest.fixture
def no_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that answers as NFS does where nobody serves its locks."""

    def refuse(*args: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)


def test_the_second_process_is_refused_until_the_first_is_dead(tmp_path: Path) -> None:
    process = _holder(tmp_path / "run")
    try:
        with pytest.raises(RunFolderError) as caught, only_process(tmp_path / "run"):
            pass
        assert f"in use by process {process.pid} on {socket.gethostname()} (since 20" in str(caught.value)
        process.send_signal(signal.SIGKILL)
        process.wait()
        with only_process(tmp_path / "run"):  # though its worker still lives
            assert json.loads((tmp_path / "run" / LOCK).read_text())["process"] == os.getpid()
    finally:
        os.killpg(process.pid, signal.SIGKILL)
    assert (tmp_path / "run" / LOCK).read_text() == ""


@pytest.mark.usefixtures("no_locks")
def test_without_locks_the_file_tells_the_living_from_the_dead(tmp_path: Path) -> None:
    host = socket.gethostname()
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    file = tmp_path / LOCK
    file.write_text(json.dumps({"host": host, "process": process.pid, "since": "yesterday"}))
    alive = rf"process {process.pid} on .* If it has ended, delete"
    with pytest.raises(RunFolderError, match=alive), only_process(tmp_path):
        pass
    process.communicate(b"\n")
    with only_process(tmp_path), pytest.raises(RunFolderError, match="in use"), only_process(tmp_path):
        pass
    file.write_text(json.dumps({"host": host, "process": os.getpid(), "since": "before this host was started anew"}))
    with only_process(tmp_path):
        pass


def from_elsewhere(folder: Path, seconds: float) -> None:
    """Another host's process is there, and said so last some seconds ago."""
    (folder / LOCK).write_text(json.dumps({"host": "elsewhere", "process": 7, "since": "yesterday"}))
    os.utime(folder / LOCK, (time.time() - seconds,) * 2)


@pytest.mark.parametrize("locks", [True, False])
def test_one_of_another_host_lives_as_long_as_it_says_so(
    locks: bool, tmp_path: Path, request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> None:
    if not locks:  # else locks that are not shared between hosts
        request.getfixturevalue("no_locks")
    from_elsewhere(tmp_path, lock.LEASE - 5)
    with pytest.raises(RunFolderError, match="in use by process 7 on elsewhere"), only_process(tmp_path):
        pass
    from_elsewhere(tmp_path, lock.LEASE + 1)
    with only_process(tmp_path):
        assert "left by process 7 on elsewhere (since yesterday) without a word" in caplog.text


def test_one_of_another_host_that_has_died_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "LEASE", 0.5)
    monkeypatch.setattr(lock, "BEAT", 10.0)
    from_elsewhere(tmp_path, 0.0)
    with only_process(tmp_path, patience=0.01):
        pass


def test_who_lives_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "BEAT", 0.01)
    with only_process(tmp_path):
        os.utime(tmp_path / LOCK, (0, 0))
        end = time.monotonic() + 10
        while time.time() - (tmp_path / LOCK).stat().st_mtime > 5:
            assert time.monotonic() < end
            time.sleep(0.01)
    assert not any("_beat" in thread.name for thread in threading.enumerate())


def test_one_who_is_leaving_is_waited_for(tmp_path: Path) -> None:
    process = _holder(tmp_path)
    end = Timer(0.3, os.killpg, (process.pid, signal.SIGKILL))
    end.start()
    with only_process(tmp_path, patience=30):
        assert process.wait() == -signal.SIGKILL
    end.join()


def test_a_damaged_lock_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / LOCK).write_bytes(b"\xff{")
    with only_process(tmp_path):
        pass


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(RunFolderError, match="cannot be written: Not a directory"),
        only_process(tmp_path / "file" / "x"),
    ):
        pass
