from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rsoup_lightning.errors import ConfigError, OutputError
from rsoup_lightning.serving.vllm.adapter_cache import AdapterCache, Held
from tests.conftest import ROOT


def _made(path: Path) -> None:
    path.mkdir()
    (path / "weights").write_text(path.name)


def _names(cache: AdapterCache) -> list[str]:
    return sorted(path.name for path in cache.folder.iterdir())


def _ask(cache: AdapterCache, *names: str) -> None:
    for number, name in enumerate(names):
        cache.held(name, _made)
        os.utime(cache.folder / name, (number, number))


def test_a_folder_is_made_once(tmp_path: Path) -> None:
    cache, made = AdapterCache(tmp_path / "a" / "b", 4), []

    def make(path: Path) -> None:
        made.append(path)
        _made(path)

    held = cache.held("one", make)
    assert held.path == cache.held("one", make).path == tmp_path / "a" / "b" / "one"
    assert len(made) == 1 and (held.path / "weights").read_text() == "one"


def test_the_oldest_goes_first(tmp_path: Path) -> None:
    cache = AdapterCache(tmp_path, 3)
    _ask(cache, "a", "b", "c")
    cache.held("a", _made)  # which makes it the newest
    cache.held("d", _made)
    assert _names(cache) == ["a", "c", "d"]


def test_what_is_held_stays(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    cache = AdapterCache(tmp_path, 1)
    held = cache.held("a", _made)
    cache.held("b", _made)
    assert _names(cache) == ["a", "b"] and "2 adapters are in use, 1 more" in caplog.text
    del held
    cache.held("c", _made)
    assert _names(cache) == ["c"]


def test_all_who_hold_a_folder_share_an_open_file(tmp_path: Path) -> None:
    cache = AdapterCache(tmp_path, 1)
    first = cache.held("a", _made)
    assert cache.held("a", _made) is first


def test_what_another_process_holds_stays(tmp_path: Path) -> None:
    cache = AdapterCache(tmp_path, 1)
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from rsoup_lightning.serving.vllm.adapter_cache import AdapterCache\n"
        "held = AdapterCache(Path(sys.argv[1]), 1).held('a', Path.mkdir)\n"
        "print('holds', flush=True)\nsys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as other:
        assert other.stdout and other.stdout.readline() == "holds\n"
        cache.held("b", _made)
        assert _names(cache) == ["a", "b"]
        other.communicate("", timeout=60)
    cache.held("c", _made)
    assert _names(cache) == ["c"]


def test_a_file_system_without_locks_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*lock: int) -> None:
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr("fcntl.flock", refuse)
    cache = AdapterCache(tmp_path, 1)
    _ask(cache, "a", "b")
    assert _names(cache) == ["a", "b"]


def test_what_a_killed_process_was_removing_goes(tmp_path: Path) -> None:
    _made(tmp_path / ".removed.a.7")
    assert _names(AdapterCache(tmp_path, 1)) == []


def test_a_folder_that_goes_meanwhile_is_made_again(tmp_path: Path) -> None:
    tries = []

    def make(path: Path) -> None:
        tries.append(path)
        if len(tries) > 1:  # else it is gone before it can be held
            _made(path)

    assert AdapterCache(tmp_path, 1).held("a", make).path.is_dir() and len(tries) == 2


def test_what_fails_to_be_made_leaves_nothing(tmp_path: Path) -> None:
    def make(path: Path) -> None:
        raise ConfigError("no")

    cache = AdapterCache(tmp_path, 1)
    with pytest.raises(ConfigError, match="no"):
        cache.held("a", make)
    assert cache.held("a", _made).path.is_dir()  # it is not stuck


def test_a_folder_that_is_not_there_cannot_be_held(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Held(tmp_path / "none")


def test_settings_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="at least one"):
        AdapterCache(tmp_path, 0)
    with pytest.raises(OutputError, match="cannot be written"):
        AdapterCache(tmp_path / "file" / "cache", 1)
