"""The trainings that a run is made of, and what is recorded of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import NoneType
from typing import Any

from rsoup_lightning.run.settings import SoupSettings

INIT = "init"
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


def is_record(value: Any) -> bool:
    """Whether it is what is recorded of a training."""
    if not (isinstance(value, dict) and all(isinstance(value.get(key), kinds) for key, kinds in RECORDED.items())):
        return False
    epochs, weights = value["history"], value["preference"].values()
    return all(isinstance(epoch, dict) and isinstance(epoch.get("steps"), int) for epoch in epochs) and all(
        isinstance(weight, int | float) for weight in weights
    )
