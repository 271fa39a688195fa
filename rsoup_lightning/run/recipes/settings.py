"""What ``rsoup soup`` does around the trainings, and whether that is possible."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from jsonargparse import lazy_instance

from rsoup_lightning.errors import ConfigError, UnknownNameError
from rsoup_lightning.methods import Method, RewardedSoup
from rsoup_lightning.simplex import GridKind, check_preference, grid


@dataclass
class SoupSettings:
    """What ``rsoup soup`` does around the trainings.

    Args:
        experts: rewards that span the front, of which a rewarded soup has an expert each; null takes all of the
            model's rewards.
        method: how experts are trained, and which λ over them serves a preference: RewardedSoup, or another one of
            rsoup_lightning.methods.
        init_preference: μ that the shared initialisation is trained on; null weighs the experts' rewards equally.
        init_epochs: epochs of that training; 0 takes the policy as it is built, or model.init_weights.
        normalise: so many training rollouts of init measure each reward's mean and standard deviation, by which
            experts and MORL then see all rewards on one scale; 0 leaves rewards as they are.
        grid: values of μ per edge of the simplex, both ends included, whose λ are evaluated; of a rewarded soup λ = μ.
        kind: which points of the simplex.
        morl: preferences μ over the experts' rewards, each trained directly from init for as long as an expert.
        reference_point: reward to its worst score that counts, for the raw hypervolume; null takes the nadir.
        split: the entries that λ are evaluated on: eval, which is reported, or dev, which settings are chosen by.
        validate_every: evaluate each training on the development split before it and after so many epochs; 0: never.
        keep: weights that a training ends with: last, or best, those with the best μ-weighted reward on the development
            split among those that hold all guards (or that break them least).
        shown: how many completions per point the report shows.
        films: whether to draw animations where the environment can.
    """

    experts: list[str] | None = None
    method: Method = field(default_factory=lambda: lazy_instance(RewardedSoup))
    init_preference: dict[str, float] | None = None
    init_epochs: int = 0
    normalise: int = 0
    grid: int = 11
    kind: GridKind = "simplex"
    morl: list[dict[str, float]] = field(default_factory=list)
    reference_point: dict[str, float] | None = None
    split: Literal["eval", "dev"] = "eval"
    validate_every: int = 0
    keep: Literal["last", "best"] = "last"
    shown: int = 1
    films: bool = True


def check_settings(settings: SoupSettings, rewards: list[str], objectives: list[str]) -> list[str]:
    """The rewards that span the front, after all names and preferences in the settings have been checked.

    Args:
        settings: what was asked.
        rewards: names of all rewards of the model.
        objectives: those that span it where the settings name none.

    Raises:
        UnknownNameError: a reward that the model does not have.
        ConfigError: no expert, a doubled one, a method that does not fit them or soup.morl, or a front that cannot be.
        CoefficientError: a preference off the simplex.
    """
    experts = settings.experts or objectives
    for name in [*experts, *(settings.reference_point or {})]:
        if name not in rewards:
            raise UnknownNameError("reward", name, rewards)
    if len(set(experts)) != len(experts):
        raise ConfigError(f"soup.experts names a reward twice: {experts}")
    if settings.reference_point is not None and set(settings.reference_point) != set(experts):
        raise ConfigError(f"soup.reference_point must give one score for each of {experts}")
    check_preference(settings.init_preference or {experts[0]: 1.0}, rewards)
    for preference in settings.morl:
        check_preference(preference, experts)
    if settings.morl and not settings.method.each_from_init(experts):
        raise ConfigError(
            "soup.morl takes experts for trainings from init at one-hot μ, and those of "
            f"{type(settings.method).__name__} are none: leave soup.morl empty, and compare the two as methods of a "
            "suite (rsoup bench)"
        )
    if min(settings.init_epochs, settings.normalise, settings.validate_every) < 0:
        raise ConfigError("soup.init_epochs, soup.normalise and soup.validate_every must not be negative")
    if settings.keep == "best" and not settings.validate_every:
        raise ConfigError("soup.keep is best: set soup.validate_every, the epochs between two evaluations")
    settings.method.lattice(experts, grid(len(experts), settings.grid, settings.kind))
    return list(experts)
