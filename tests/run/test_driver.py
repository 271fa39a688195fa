"""Stages in the order of their needs, whoever computes them, in whatever order these come to an end."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from rsoup_lightning.errors import FrontError, StageError
from rsoup_lightning.methods.method import Stage
from rsoup_lightning.run.driver import RETRIES, drive
from rsoup_lightning.run.folders.stages import graph
from rsoup_lightning.run.launchers.launcher import Ended

TRAININGS = [Stage("init", {}, 1, None), *(Stage(f"experts/{name}", {}, 1) for name in "abcdefgh")]
BLOCKS = [f"sweep/{number:03d}" for number in range(3)]
GRAPH = graph(TRAININGS, BLOCKS, normalise=True)


class Dice:
    """Ends stages in a random order; some die, and some fail."""

    def __init__(self, seed: int, deaths: dict[str, int] | None = None, errors: dict[str, str] | None = None) -> None:
        self.random = random.Random(seed)
        self.deaths, self.errors = dict(deaths or {}), errors or {}
        self.running: list[str] = []
        self.log: list[str] = []

    def submit(self, stage: str) -> None:
        seed = "".join(stage.rpartition("seed-1/")[:2])
        assert stage not in self.running
        assert {seed + need for need in GRAPH[stage.removeprefix(seed)]} <= {*self.log}, f"{stage} is begun too early"
        self.running.append(stage)

    def wait(self) -> Ended:
        stage = self.running.pop(self.random.randrange(len(self.running)))
        if self.deaths.get(stage, 0):
            self.deaths[stage] -= 1
            return Ended(stage, "its worker was killed", died=True)
        if stage in self.errors:
            return Ended(stage, self.errors[stage])
        self.log.append(stage)
        return Ended(stage)

    def close(self) -> None:
        self.running.clear()


def driven(dice: Dice, finished: list[str] | None = None, say: Callable[[str], None] = print) -> list[str]:
    """What was computed, in order, the front by the driver itself."""
    dice.log += finished or []
    drive(GRAPH, finished or [], dice, {"front": lambda: dice.log.append("front")}, say)
    return dice.log


@pytest.mark.parametrize("seed", range(20))
def test_every_stage_once_and_none_before_what_it_needs(seed: int) -> None:
    log = driven(Dice(seed))
    assert sorted(log) == sorted(GRAPH) and log[:2] == ["init", "normalisation"] and log[-1] == "front"


def test_what_is_finished_is_not_computed_again() -> None:
    before = ["init", "normalisation", "experts/c"]
    assert sorted(driven(Dice(0), before)) == sorted(GRAPH)
    assert driven(Dice(0), [*GRAPH]) == [*GRAPH]


def test_a_stage_whose_worker_dies_is_begun_again_twice_at_most() -> None:
    lines: list[str] = []
    assert sorted(driven(Dice(0, {"experts/b": RETRIES, "sweep/001": 1}), say=lines.append)) == sorted(GRAPH)
    assert sum("experts/b: its worker was killed; it begins again" in line for line in lines) == RETRIES
    dice = Dice(0, {"experts/b": RETRIES + 1})
    with pytest.raises(StageError, match=r"^experts/b: 3 times: its worker was killed"):
        driven(dice)
    assert {"experts/a", "experts/h"} <= {*dice.log}


def test_an_error_is_not_tried_again_and_siblings_finish() -> None:
    dice = Dice(3, errors={"experts/d": "reward 'd' is NaN"})
    with pytest.raises(StageError, match=r"^experts/d: reward 'd' is NaN; 4 stages wait for that$"):
        driven(dice)
    assert {*dice.log} == {*GRAPH} - {"experts/d", *BLOCKS, "front"}


def test_an_error_of_a_stage_of_its_own_ends_no_sibling() -> None:
    """Two seeds, of which one has a front that cannot be written; alone, it says what it is."""
    dice, written = Dice(5), list[str]()
    seeds = {
        f"seed-{seed}/{stage}": [f"seed-{seed}/{need}" for need in GRAPH[stage]] for seed in (0, 1) for stage in GRAPH
    }

    def fail() -> None:
        raise FrontError("front.json is damaged")

    own = {"seed-0/front": fail, "seed-1/front": lambda: written.append("seed-1")}
    begun = [stage for stage in seeds if stage.startswith("seed-0")][:-1]
    dice.log += begun
    with pytest.raises(StageError, match=r"^seed-0/front: front\.json is damaged$"):
        drive(seeds, begun, dice, own, print)
    assert written == ["seed-1"]
    with pytest.raises(FrontError, match="is damaged"):
        drive({"front": []}, [], dice, {"front": fail}, print)
