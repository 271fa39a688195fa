from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.cache import cache_folder, cached_folder, read_again


def test_the_variable_names_the_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    monkeypatch.setenv("RSOUP_CACHE", "~/kept")
    assert cache_folder() == Path("/home/someone/kept")


@pytest.mark.parametrize("unset", [True, False])
def test_else_it_is_in_the_home(monkeypatch: pytest.MonkeyPatch, unset: bool) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    monkeypatch.setenv("RSOUP_CACHE", "")
    if unset:
        monkeypatch.delenv("RSOUP_CACHE")
    assert cache_folder() == Path("/home/someone/.cache/rsoup_lightning")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RSOUP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_it_is_made_once_for_its_settings(cache: Path) -> None:
    made: list[Path] = []

    def make(folder: Path) -> None:
        made.append(folder)
        (folder / "weights").write_text("w")

    first = cached_folder("thing", {"a": 1, "b": [2]}, make)
    assert cached_folder("thing", {"b": [2], "a": 1}, make) == first
    assert first.parent == cache / "thing" and (first / "weights").read_text() == "w"
    assert json.loads((first / "settings.json").read_text()) == {"a": 1, "b": [2]}
    others = {cached_folder("thing", {"a": 2, "b": [2]}, make), cached_folder("other", {"a": 1, "b": [2]}, make)}
    assert len(made) == 3 and len(others | {first}) == 3


def test_nothing_is_left_when_making_fails(cache: Path) -> None:
    def make(folder: Path) -> None:
        (folder / "half").write_text("w")
        raise ConfigError("no data")

    with pytest.raises(ConfigError, match="no data"):
        cached_folder("thing", {}, make)
    assert not list((cache / "thing").iterdir())
    assert cached_folder("thing", {}, lambda folder: None).is_dir()


def test_two_processes_may_make_the_same(cache: Path) -> None:
    def make(folder: Path) -> None:
        whole = folder.with_name(folder.name.split(".")[1])
        whole.mkdir()
        (whole / "weights").write_text("theirs")
        (folder / "weights").write_text("ours")

    folder = cached_folder("thing", {}, make)
    assert (folder / "weights").read_text() == "ours"
    assert len(list((cache / "thing").iterdir())) == 1


def test_what_is_damaged_is_made_anew(cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    made: list[Path] = []

    def make(folder: Path) -> None:
        made.append(folder)
        (folder / "number").write_text("7")

    def read(folder: Path) -> int:
        return int((folder / "number").read_text())

    assert read_again("thing", {}, make, read) == read_again("thing", {}, make, read) == 7
    (folder,) = (cache / "thing").iterdir()
    for spoil in (lambda: (folder / "number").write_text("se"), (folder / "number").unlink):
        spoil()
        with caplog.at_level(logging.WARNING):
            assert read_again("thing", {}, make, read) == 7
        assert f"{folder} is damaged" in caplog.text
        caplog.clear()
    assert len(made) == 3


def test_what_is_made_anew_and_still_cannot_be_read_is_an_error(cache: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_again("thing", {}, lambda folder: None, lambda folder: (folder / "number").read_text())
