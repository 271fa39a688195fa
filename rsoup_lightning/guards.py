"""``Guard`` and ``Guards``: limits below which rewards must not fall, each held by a Lagrange multiplier."""

from __future__ import annotations

import math
import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rsoup_lightning import losses
from rsoup_lightning.errors import ConfigError, UnknownNameError
from rsoup_lightning.processes import of_all
from rsoup_lightning.rewards import per_row

NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
LIMIT = re.compile(rf"\s*(?:(?P<share>{NUMBER})\s+of\s+init|init\s*-\s*(?P<less>{NUMBER})|(?P<number>{NUMBER}))\s*")


@dataclass(frozen=True)
class Guard:
    """A limit below which the mean of a reward must not fall.

    Args:
        at_least: a number in the reward's unit; a share of init's mean, as "0.8 of init"; or init's mean less
            something, as "init - 0.5".
        rate: by how much a rollout lifts the multiplier for good whose mean is a standard deviation (init's, where it
            is measured; else 1) below the limit. While it is below, it adds as much as ten such rollouts do.
    """

    at_least: float | str
    rate: float = 0.3

    def __post_init__(self) -> None:
        if not 0 < self.rate < math.inf:
            raise ConfigError(f"the rate of a guard is {self.rate}: it must be above 0")
        if not all(map(math.isfinite, self.parts)):
            raise ConfigError(f"at_least of a guard is {self.at_least!r}: it must be finite")

    @property
    def parts(self) -> tuple[float, float]:
        """The share of init's mean, and what is added to it.

        Raises:
            ConfigError: it cannot be read.
        """
        if not isinstance(self.at_least, str):
            return 0.0, float(self.at_least)
        read = LIMIT.fullmatch(self.at_least)
        if not read:
            raise ConfigError(
                f"at_least of a guard is {self.at_least!r}: give a number, a share as '0.8 of init', or 'init - 0.5'"
            )
        if read["less"]:
            return 1.0, -float(read["less"])
        return (float(read["share"]), 0.0) if read["share"] else (0.0, float(read["number"]))

    def limit(self, init: float) -> float:
        """The limit in the reward's unit, where ``init`` is init's mean.

        >>> Guard("0.8 of init").limit(0.5), Guard("init - 0.5").limit(-2.0), Guard(12.5).limit(0.0)
        (0.4, -2.5, 12.5)
        """
        share, more = self.parts
        return share * init + more


class Guards(nn.Module):
    """Holds rewards above their limits while others are maximised.

    Each guard has a multiplier m. It adds up how far the mean of training rollouts was below its limit, less how far it
    was above, not below 0, and answers at once to how far it is. What is maximised is (Σ μ r + Σ m g) / (1 + Σ m), all
    rewards on the standardised scale: the Lagrangian of constrained reward maximisation (Moskovitz et al. 2024), whose
    weights stay a convex combination, so that gradients keep their size. Multipliers move by damped, projected steps
    (Stooke et al. 2020) and not in a bounded parametrisation: that of a guard which does not bind is exactly 0, and
    changes nothing.

    Args:
        guards: reward name to its limit.
        rewards: names of all rewards.

    Notation: G guards.
    """

    integrals: Tensor
    multipliers: Tensor
    limits: Tensor
    spreads: Tensor

    def __init__(self, guards: Mapping[str, Guard], rewards: Iterable[str]) -> None:
        super().__init__()
        known = list(rewards)
        for name in guards:
            if name not in known:
                raise UnknownNameError("reward of a guard", name, known)
        self.guards = dict(guards)
        self.binding = True
        self.register_buffer("integrals", torch.zeros(len(guards)))
        self.register_buffer("multipliers", torch.zeros(len(guards)))
        self.register_buffer("limits", torch.zeros(len(guards)), persistent=False)
        self.register_buffer("spreads", torch.ones(len(guards)), persistent=False)

    def prepare(self, normalisation: Mapping[str, tuple[float, float]], *, binding: bool) -> None:
        """Turn to another training.

        Args:
            normalisation: reward name to mean and standard deviation of init.
            binding: whether they act on it; else they are only measured.

        Raises:
            ConfigError: a share of a mean below 0 that is above it.
        """
        self.binding = binding
        self.integrals.zero_()
        self.multipliers.zero_()
        for index, (name, guard) in enumerate(self.guards.items()):
            mean, spread = normalisation.get(name, (math.nan, 1.0))
            if mean < 0 < guard.parts[0] < 1:
                raise ConfigError(
                    f"model.guards.{name} is {guard.at_least!r}, and that is above init, whose mean is {mean:.4g}: "
                    "give 'init - ...'"
                )
            self.limits[index] = guard.limit(mean if guard.parts[0] else 0.0)
            self.spreads[index] = spread

    def check(self, measured: Container[str]) -> None:
        """Require that init's mean is known where a limit is measured from it.

        Args:
            measured: names of the rewards whose mean is.

        Raises:
            ConfigError: it is not; says how it can be.
        """
        for name, guard in self.guards.items():
            if guard.parts[0] and name not in measured:
                raise ConfigError(
                    f"model.guards.{name} is {guard.at_least!r}, and init's mean is not known: set soup.normalise to "
                    "measure it (rsoup soup), or give model.normalisation (rsoup fit)"
                )

    @property
    def in_force(self) -> dict[str, float]:
        """The limit that each guard holds its reward above, in training; none where they do not bind."""
        return dict(zip(self.guards, self.limits.tolist(), strict=True)) if self.binding else {}

    def weights(self, preference: Mapping[str, float | Tensor]) -> dict[str, float | Tensor]:
        """What each reward weighs in the one that is maximised: μ, while no guard pulls."""
        return losses.lagrangian_weights(preference, dict(zip(self.guards, self.multipliers.tolist(), strict=True)))

    def adapt(self, scores: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Move each multiplier after a rollout of every process; returns what to log.

        Args:
            scores: ``{name: [B] or [B, T]}`` of the rollout.

        Raises:
            ConfigError: a reward per step, and a limit that depends on how many steps a row has.
        """
        if not self.guards:
            return {}
        for name, guard in self.guards.items():
            if scores[name].dim() == 2 and guard.parts[1]:
                raise ConfigError(
                    f"model.guards.{name} is {guard.at_least!r}, but this reward is given at each step, and rollouts "
                    "are not as long as episodes: limit it to a share, as '0.8 of init'"
                )
        means = torch.stack([of_all(per_row(scores[name]).to(self.multipliers)).mean() for name in self.guards])
        if self.binding:
            rates = means.new_tensor([guard.rate for guard in self.guards.values()])
            missing = (self.limits - means) / self.spreads
            self.integrals, self.multipliers = losses.adapt_multipliers(self.integrals, missing, rates)
        logs = (("guard", means), ("multiplier", self.multipliers))
        return {f"{what}/{name}": value for what, row in logs for name, value in zip(self.guards, row, strict=True)}

    def limits_from(self, init: Mapping[str, float]) -> dict[str, float]:
        """The limit of each guard where init has these mean rewards, as on a split of its own."""
        return {name: guard.limit(init[name]) for name, guard in self.guards.items()}

    def broken(self, means: Mapping[str, float], init: Mapping[str, float]) -> dict[str, float]:
        """The guards that are not held, and by how many standard deviations; none where they do not bind.

        Args:
            means: mean of each reward.
            init: those of init, on the same split.
        """
        if not self.binding:
            return {}
        spreads = dict(zip(self.guards, self.spreads.tolist(), strict=True))
        lacks = {name: (limit - means[name]) / spreads[name] for name, limit in self.limits_from(init).items()}
        return {name: lack for name, lack in lacks.items() if lack > 0}
