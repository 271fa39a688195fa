"""The trainings that a run is made of, and what is recorded of each."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import NoneType
from typing import Any

from rsoup_lightning.run.settings import SoupSettings

INIT = "init"
NORMALISATION = "normalisation"
FRONT = "front"

Graph = Mapping[str, Collection[str]]
"""Stages in the order in which one process would compute them, and what must be finished before each."""

RECORDED: dict[str, tuple[type, ...]] = {
    "preference": (dict,),
    "seconds": (int, float),
    "init": (str, NoneType),
    "steps": (int,),
    "unit": (str,),
    "history": (list,),
}
"""What is recorded of a training: μ, seconds, the SHA-256 of the weights it began at, steps, what one is called, and
what each epoch logged. Beside them stand the limits of guards, the evaluations on the development split ("validation"),
and after how many epochs the weights were taken that it ended with ("kept")."""


@dataclass(frozen=True)
class Stage:
    """One training: where its weights go, what it maximises, for how long, and from which stage's weights on."""

    name: str
    preference: dict[str, float]
    epochs: int
    start: str | None = INIT

    @property
    def family(self) -> str:
        """ "init", "experts" or "baselines"."""
        return self.name.split("/")[0]


def stages(settings: SoupSettings, experts: Sequence[str], epochs: int) -> list[Stage]:
    """Every training of a run; all that begin at init may come in any order after it.

    Args:
        settings: of the run.
        experts: the rewards that get an expert.
        epochs: of each expert and baseline.
    """
    uniform = dict.fromkeys(experts, 1 / len(experts))
    return [
        Stage(INIT, settings.init_preference or uniform, settings.init_epochs, None),
        *(Stage(f"experts/{expert}", {expert: 1.0}, epochs) for expert in experts),
        *(Stage(f"baselines/morl/{index}", preference, epochs) for index, preference in enumerate(settings.morl)),
    ]


def is_training(stage: str) -> bool:
    """Whether the stage of that name trains.

    >>> is_training("experts/risky"), is_training("sweep/000")
    (True, False)
    """
    return stage.split("/")[0] in ("init", "experts", "baselines")


def graph(trainings: Sequence[Stage], blocks: Sequence[str], *, normalise: bool) -> Graph:
    """All stages of a run: trainings, the measurement of init's rewards, blocks of the sweep, and the front.

    Args:
        trainings: all of them.
        blocks: of the sweep.
        normalise: whether rewards are measured before anything but init is trained.

    >>> graph([Stage("init", {}, 1, None), Stage("experts/a", {}, 1)], ["sweep/000"], normalise=True)["experts/a"]
    ['normalisation']
    """
    names = [training.name for training in trainings]
    measured = {NORMALISATION: [INIT]} if normalise else {}
    trained = {name: [NORMALISATION if normalise else INIT] for name in names if name != INIT}
    return {INIT: [], **measured, **trained, **dict.fromkeys(blocks, names), FRONT: list(blocks)}


def is_record(value: Any) -> bool:
    """Whether it is what is recorded of a training."""
    if not (isinstance(value, dict) and all(isinstance(value.get(key), kinds) for key, kinds in RECORDED.items())):
        return False
    epochs, weights = value["history"], value["preference"].values()
    return all(isinstance(epoch, dict) and isinstance(epoch.get("steps"), int) for epoch in epochs) and all(
        isinstance(weight, int | float) for weight in weights
    )
