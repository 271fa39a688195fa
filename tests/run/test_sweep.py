"""Blocks of a sweep: in whatever order they are played, together they are the sweep; a damaged one is named."""

from __future__ import annotations

import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torchmetrics import MeanMetric

from rsoup_lightning.errors import RunFolderError
from rsoup_lightning.methods import RewardedSoup
from rsoup_lightning.run.console.progress import RunProgress
from rsoup_lightning.run.experiment import Experiment
from rsoup_lightning.run.soup import run_soup
from rsoup_lightning.run.sweep import RunSweep
from rsoup_lightning.run.worker import Worker
from tests.run.recipes.test_recipe import resolved


@pytest.fixture
def experiment(tmp_path: Path) -> Experiment:
    """Of a run that is trained and evaluated, whose front was lost."""
    recipe = resolved(tmp_path, "--soup.init_epochs", "0", "--trainer.max_epochs", "1", "--soup.grid", "3")
    run_soup(recipe, tmp_path / "run", [3])
    (tmp_path / "run" / "front.json").rename(tmp_path / "front.json")
    return Worker(tmp_path / "run", RunProgress("", 0)).experiment(tmp_path / "run")


def test_blocks_in_any_order_are_the_sweep(experiment: Experiment, tmp_path: Path) -> None:
    assert experiment.sweep.blocks == ["sweep/000", "sweep/001", "sweep/002"]
    for block in ("sweep/002", "sweep/000", "sweep/001"):
        experiment.compute(block)
    points, shown = experiment.sweep.points()
    assert all(len(point.scores["east"]) == 12 for point in points) and len(shown) == len(points)
    experiment.front()
    assert (tmp_path / "run" / "front.json").read_bytes() == (tmp_path / "front.json").read_bytes()
    assert not (tmp_path / "run" / "sweep").exists() and not experiment.folder.is_recorded("sweep/000")


@pytest.mark.parametrize("damage", [lambda file: file.write_bytes(b"{}"), Path.unlink], ids=["cut off", "gone"])
@pytest.mark.parametrize("kind", ["safetensors", "json"])
def test_a_damaged_block_is_named(experiment: Experiment, tmp_path: Path, kind: str, damage: Any) -> None:
    for block in experiment.sweep.blocks:
        experiment.compute(block)
    damage(tmp_path / "run" / "sweep" / f"001.{kind}")
    with pytest.raises(RunFolderError, match=r"sweep/001.* delete .*stages/sweep/001\.json, and the block"):
        experiment.front()


def test_a_metric_of_all_outputs_has_one_block(experiment: Experiment) -> None:
    recipe = replace(experiment.recipe, metrics={"mean": MeanMetric()})
    parts: Any = (experiment.plan, experiment.folder, experiment.module)
    assert RunSweep(recipe, *parts).blocks == ["sweep/000"]
    assert RunSweep(
        replace(recipe, metrics={"each": lambda prompts, outputs: torch.zeros(len(outputs))}), *parts
    ).blocks[1:]


@pytest.mark.parametrize("merge", ["slerp", "ties"])
def test_the_weights_of_one_merge_at_a_time_are_in_memory(
    merge: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alive, most = list[weakref.ref[Any]](), list[int]()
    merged = RewardedSoup.merged

    def counted(*args: Any) -> Any:
        most.append(sum(each() is not None for each in alive))
        weights = merged(*args)
        alive.append(weakref.ref(weights["place"]))
        return weights

    monkeypatch.setattr(RewardedSoup, "merged", counted)
    run_soup(resolved(tmp_path, "--soup.init_epochs", "0", "--soup.method.merge", merge), tmp_path / "run", [3])
    assert len(most) > 6 and max(most) <= 1
