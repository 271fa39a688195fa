"""``RewardedSoup``: an expert per reward, and their weights interpolated (Ramé et al. 2023)."""

from __future__ import annotations

from collections.abc import Sequence

from rsoup_lightning.methods.method import Method, Preference
from rsoup_lightning.simplex import Coefficients


class RewardedSoup(Method):
    """One training per reward; θ_λ = Σ λ_i θ_i, and λ = μ (Ramé et al. 2023, section 2.2)."""

    def experts(self, rewards: Sequence[str]) -> dict[str, Preference]:
        return {name: {name: 1.0} for name in rewards}

    def coefficients(self, preference: Sequence[float], rewards: Sequence[str]) -> Coefficients:
        return tuple(preference)
