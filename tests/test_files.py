from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rsoup_lightning import files
from rsoup_lightning.errors import OutputError
from rsoup_lightning.files import atomic, atomic_output, read_object, user_path, write_json, write_text


def test_a_path_as_a_user_writes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert user_path("~/a~b") == tmp_path / "a~b"
    for other in ("a/~/b", "/a", "~no such user/a"):
        assert user_path(other) == Path(other)


def test_whole_or_not_at_all(tmp_path: Path) -> None:
    write_text(tmp_path / "deep" / "a.txt", "one")
    with pytest.raises(RuntimeError), atomic(tmp_path / "deep" / "a.txt") as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert [(file.name, file.read_text()) for file in (tmp_path / "deep").iterdir()] == [("a.txt", "one")]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_named_and_the_old_file_stays(tmp_path: Path, code: int) -> None:
    write_text(tmp_path / "a.txt", "old")
    with pytest.raises(OutputError, match=r"the disk is full: .*a\.txt"), atomic(tmp_path / "a.txt") as temporary:
        temporary.write_text("half")
        raise OSError(code, os.strerror(code))
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("a.txt", "old")]


def test_an_object_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"name": "café", "values": [1, 0.5, None]})
    assert read_object(tmp_path / "a.json") == {"name": "café", "values": [1, 0.5, None]}


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"1", b'{"a": NaN}', b'{"a": 1e999}', b'{"a": "\xff"}', b"[" * 99999]
)
def test_what_is_no_object(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(ValueError):
        read_object(tmp_path / "a.json")


def test_json_without_nan(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"x": float("nan")})
    assert not list(tmp_path.iterdir())


def test_outputs_that_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match=r"was not written"), atomic_output(tmp_path / "file/inside") as temporary:
        temporary.mkdir()
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    with atomic_output(Path()) as temporary:
        temporary.mkdir()
        (temporary / "x").write_text("y")
    assert (tmp_path / "empty/x").read_text() == "y"


def test_a_failed_overwrite_keeps_the_old(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/old").write_text("x")
    with pytest.raises(RuntimeError, match="stop"), atomic_output(tmp_path / "out", overwrite=True) as temporary:
        temporary.mkdir()
        raise RuntimeError("stop")
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "old"]


KILLED = """
import os, signal, sys
from pathlib import Path
from rsoup_lightning import files

own = os.getpid()
files.os.getpid = lambda: 7
with files.atomic_output(Path(sys.argv[1]), overwrite=True) as temporary:
    temporary.mkdir()
    (temporary / "half").write_text("x")
    if sys.argv[2] == "before":
        os.kill(own, signal.SIGKILL)
    files.remove = lambda path: os.kill(own, signal.SIGKILL)
"""


@pytest.mark.parametrize("when", ["before", "after"])
def test_what_a_killed_process_of_the_same_number_left_is_not_taken_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """As in containers, where every merge has the same number; killed before its end, or with the old one moved."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out/first").write_text("x")
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "out"), when], check=False)
    assert done.returncode == -signal.SIGKILL and len(list(tmp_path.iterdir())) == 2
    monkeypatch.setattr(files.os, "getpid", lambda: 7)
    with atomic_output(tmp_path / "out", overwrite=True) as temporary:
        temporary.mkdir()
        (temporary / "second").write_text("x")
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")] == ["out", "out/second"]


def test_a_folder_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "report.html").mkdir()
    with pytest.raises(OutputError, match=r"report\.html is a folder, and a file is to be written there: move it away"):
        write_text(tmp_path / "report.html", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
