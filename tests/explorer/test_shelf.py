from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from rsoup_lightning.errors import RSoupError, RunFolderError
from rsoup_lightning.explorer.shelf import shelve
from tests.explorer.browsing import demo_run, run_apart


def test_a_folder_of_runs_is_all_of_them(tmp_path: Path) -> None:
    for name in ("b", "a"):
        demo_run(tmp_path / name, 2)
    (tmp_path / "notes").mkdir()
    assert list(shelve([str(tmp_path)]).runs) == ["a", "b"]
    assert list(shelve([str(tmp_path / "b"), str(tmp_path)]).runs) == ["b", "a"]  # each once


def test_runs_of_one_name_are_told_apart(tmp_path: Path) -> None:
    for parent in ("x", "y"):
        (tmp_path / parent).mkdir()
        demo_run(tmp_path / parent / "run", 2)
    assert list(shelve([str(tmp_path / "x" / "run"), str(tmp_path / "y" / "run")]).runs) == ["run", "y-run"]


def test_a_broken_run_does_not_hide_the_others(tmp_path: Path) -> None:
    demo_run(tmp_path / "whole", 2)
    (demo_run(tmp_path / "torn", 2) / "front.json").write_text("{")
    shelf = shelve([str(tmp_path)])
    assert list(shelf.runs) == ["whole"] and "torn" in shelf.broken["torn"]
    with pytest.raises(RunFolderError):
        shelve([str(tmp_path / "torn")])  # alone, it is the error


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(RunFolderError):
            shelve([str(folder)])


def test_experts_that_cannot_be_loaded_are_tried_again(tmp_path: Path) -> None:
    run = shelve([str(demo_run(tmp_path / "run", 2))]).runs["run"]

    async def twice() -> list[BaseException | object]:
        first = await asyncio.gather(run.soup(), run.soup(), return_exceptions=True)
        return [*first, *await asyncio.gather(run.soup(), return_exceptions=True)]

    errors = run_apart(twice())
    assert len(errors) == 3 and all(isinstance(error, RSoupError) for error in errors)
    run.owner.stop()
