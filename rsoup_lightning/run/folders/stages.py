"""The trainings that a run is made of, and what is recorded of each."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rsoup_lightning.methods.method import INIT, Derived, Method, Stage
from rsoup_lightning.run.recipes.settings import SoupSettings
from rsoup_lightning.simplex import Coefficients, grid

BASELINES = "baselines"
NORMALISATION = "normalisation"
SWEEP = "sweep"
FRONT = "front"

Graph = Mapping[str, Collection[str]]
"""Stages in the order in which one process would compute them, and what must be finished before each."""

RECORDED: dict[str, tuple[type, ...]] = {
    "preference": (dict,),
    "seconds": (int, float),
    "sources": (dict,),
    "steps": (int,),
    "unit": (str,),
    "history": (list,),
}
"""What is recorded of a training: μ, seconds, the SHA-256 of the weights that it began at by their stage, steps,
what one is called, and what each epoch logged. Beside them stand the most memory that it took in bytes, where
the system tells, the limits of guards, the evaluations on the development split ("validation"), and after how many
epochs the weights were taken that it ended with ("kept")."""

DERIVED: dict[str, tuple[type, ...]] = {"seconds": (int, float), "sources": (dict,), "lost": (float,)}
"""What is recorded of weights that were made of others: as of a training, and what was lost of them (:class:`Made`)."""


@dataclass(frozen=True)
class Plan:
    """What a run is to train.

    Attributes:
        method: whose experts they are.
        rewards: R names of those that span the front.
        stages: init, those of the method, and baselines, each after its sources.
        preferences: the μ whose λ are evaluated.
    """

    method: Method
    rewards: list[str]
    stages: list[Stage | Derived]
    preferences: list[Coefficients]

    @property
    def experts(self) -> dict[str, dict[str, float]]:
        """The μ that each expert is trained on."""
        return self.method.experts(self.rewards)

    @property
    def lattice(self) -> list[Coefficients]:
        """The λ to evaluate."""
        return self.method.lattice(self.rewards, self.preferences)

    @property
    def trainings(self) -> dict[str, Stage]:
        """The stages that train, by their names."""
        return {stage.name: stage for stage in self.stages if isinstance(stage, Stage)}

    @property
    def derived(self) -> dict[str, Derived]:
        """The stages whose weights are made of those of others, by their names."""
        return {stage.name: stage for stage in self.stages if isinstance(stage, Derived)}

    @property
    def beside(self) -> list[Stage]:
        """The trainings that are evaluated beside the experts: init, and MORL's."""
        return [stage for stage in self.trainings.values() if stage.family in (INIT, BASELINES)]

    def made_of(self, name: str) -> list[str]:
        """The stages whose weights are made of those of one, without training."""
        found = [name]
        for stage in self.derived.values():
            if {*stage.sources} & {*found}:
                found.append(stage.name)
        return found[1:]


def plan(settings: SoupSettings, rewards: list[str], epochs: int) -> Plan:
    """Everything that a run trains; what begins at init may come in any order after it.

    Args:
        settings: of the run.
        rewards: those that span the front.
        epochs: of each expert and baseline.
    """
    uniform = dict.fromkeys(rewards, 1 / len(rewards))
    baselines = [Stage(f"{BASELINES}/morl/{index}", wanted, epochs) for index, wanted in enumerate(settings.morl)]
    init = Stage(INIT, settings.init_preference or uniform, settings.init_epochs, None)
    trained = [init, *settings.method.stages(rewards, epochs), *baselines]
    return Plan(settings.method, rewards, trained, grid(len(rewards), settings.grid, settings.kind))


def has_weights(stage: str) -> bool:
    """Whether the stage of that name ends with weights.

    >>> has_weights("experts/risky"), has_weights("sweep/000")
    (True, False)
    """
    return stage.split("/")[0] not in (NORMALISATION, SWEEP, FRONT)


def graph(stages: Sequence[Stage | Derived], blocks: Sequence[str], *, normalise: bool) -> Graph:
    """All stages of a run: trainings, the measurement of init's rewards, blocks of the sweep, and the front.

    Args:
        stages: all that end with weights.
        blocks: of the sweep.
        normalise: whether rewards are measured before anything but init is trained.

    >>> graph([Stage("init", {}, 1, None), Stage("experts/a", {}, 1)], ["sweep/000"], normalise=True)["experts/a"]
    ['normalisation']
    """
    measured = {NORMALISATION: [INIT]} if normalise else {}
    begun = NORMALISATION if normalise else INIT
    made = {
        stage.name: [begun if source == INIT else source for source in stage.sources]
        for stage in stages
        if stage.name != INIT
    }
    names = [stage.name for stage in stages]
    return {INIT: [], **measured, **made, **dict.fromkeys(blocks, names), FRONT: list(blocks)}


def is_record(value: Any) -> bool:
    """Whether it is what is recorded of a training, or of weights that were made of others."""
    if not isinstance(value, dict):
        return False
    recorded = DERIVED if "lost" in value else RECORDED
    if not all(isinstance(value.get(key), kinds) for key, kinds in recorded.items()):
        return False
    if recorded is DERIVED:
        return True
    epochs, weights = value["history"], value["preference"].values()
    return all(isinstance(epoch, dict) and isinstance(epoch.get("steps"), int) for epoch in epochs) and all(
        isinstance(weight, int | float) for weight in weights
    )
