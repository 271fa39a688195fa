"""Runs of one process, to compare with."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from rsoup_lightning.run.folders.folder import RunFolder
from rsoup_lightning.run.launchers.task import StageTask
from rsoup_lightning.run.recipes.recipe import Recipe
from rsoup_lightning.run.soup import run_soup
from tests.run.recipes.test_recipe import resolved
from tests.running import POINT_RECIPE, rsoup

SOUP = ("soup", "-c", "point.yaml", "--soup.normalise", "2", "--seed_everything", "3")
EXPERT = "experts/east"


def same(one: Path, other: Path) -> bool:
    """Whether two runs have the same front, weights and things shown, byte for byte."""
    names = ["front.json", *(str(file.relative_to(one)) for file in one.rglob("*.safetensors"))]
    names += [str(file.relative_to(one)) for file in (one / "shown").iterdir()]
    return all((one / name).read_bytes() == (other / name).read_bytes() for name in names)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run that a command made, "here"."""
    folder = tmp_path_factory.mktemp("launchers")
    (folder / "point.yaml").write_text(POINT_RECIPE)
    rsoup(*SOUP, "--run_dir", "here", cwd=folder)
    return folder


@dataclass(frozen=True)
class Unfinished:
    """A run that lacks one expert, whose training takes a while, and that run as it ends.

    Attributes:
        recipe: of both.
        run: the one.
        whole: the other.
    """

    recipe: Recipe
    run: Path
    whole: Path

    @property
    def task(self) -> StageTask:
        """The training of that expert."""
        return StageTask(self.run, EXPERT)

    def trains(self, seconds: float = 120.0) -> None:
        """Wait until an epoch of it is over."""
        end = time.monotonic() + seconds
        while '"advance"' not in "".join(self.said()[12:]):  # ten batches are an epoch
            assert time.monotonic() < end, self.said()
            time.sleep(0.02)

    def said(self) -> list[str]:
        """The lines of what was told of it."""
        return self.task.log.read_text().splitlines() if self.task.log.exists() else []

    def begun(self) -> list[int]:
        """After how many epochs it began, each time that it did."""
        return [message["skip"] for line in self.said() if "skip" in (message := json.loads(line))]

    def ends_the_same(self) -> bool:
        """Whether the run, as this process goes on with it, ends as the whole one did."""
        assert RunFolder(self.run).is_done(EXPERT)
        run_soup(self.recipe, self.run, [3])
        return same(self.whole, self.run)


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Recipe, Path]:
    folder = tmp_path_factory.mktemp("whole")
    options = ("--soup.init_epochs", "1", "--trainer.max_epochs", "16", "--soup.morl", "[]", "--soup.grid", "3")
    recipe = resolved(folder, *options)
    run_soup(recipe, folder / "whole", [3])
    return recipe, folder / "whole"


@pytest.fixture
def unfinished(whole: tuple[Recipe, Path], tmp_path: Path) -> Unfinished:
    recipe, run = whole
    shutil.copytree(run, tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / EXPERT)
    for stage in (EXPERT, "front"):
        RunFolder(tmp_path / "run").forget(stage)
    return Unfinished(recipe, tmp_path / "run", run)
