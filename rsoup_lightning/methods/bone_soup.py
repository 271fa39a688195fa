"""``BoneSoup``: the soup of experts that were each trained on a mixture of rewards (Xie et al. 2025)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.methods.method import Method, Preference
from rsoup_lightning.methods.morl import matrix
from rsoup_lightning.simplex import Coefficients


class BoneSoup(Method):
    """As many trainings as rewards: expert i on β r_i and, in equal parts, (1 - β) of the others.

    With these μ as the rows of B, a preference is μ = λB, and so λ = μB⁻¹ (Xie et al. 2025, "Bone Soups", section 3):
    where μ is purer than the experts', some λ are negative and θ_λ extrapolates.

    Args:
        beta: share of an expert's own reward, from above 1/R to 1, where it is a rewarded soup. The paper chooses among
            0.6, 0.7 and 0.8 at a fifth of the steps, as ``candidates`` of a suite do.
    """

    def __init__(self, beta: float = 0.7) -> None:
        self.beta = beta

    def experts(self, rewards: Sequence[str]) -> dict[str, Preference]:
        others = len(rewards) - 1
        if others and not 1 < self.beta * len(rewards) <= len(rewards):
            raise ConfigError(
                f"soup.method.init_args.beta is {self.beta}: an expert's own reward among {len(rewards)} needs a share "
                f"above {1 / len(rewards):.3g}, up to 1"
            )
        return {
            own: {name: self.beta if name == own else (1 - self.beta) / others for name in rewards}
            if others
            else {own: 1.0}
            for own in rewards
        }

    def coefficients(self, preference: Sequence[float], rewards: Sequence[str]) -> Coefficients:
        solved = np.linalg.solve(matrix(self.experts(rewards)).T, np.asarray(preference, float))
        return tuple((solved.round(12) + 0.0).tolist())  # so that an expert alone is exactly that
