"""``RewardedSoup``: an expert per reward, and their weights interpolated (Ramé et al. 2023)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from rsoup_lightning.merging import merge_weights
from rsoup_lightning.merging.methods import method as merge_method
from rsoup_lightning.methods.method import Method, Preference
from rsoup_lightning.simplex import LINEAR, Coefficients, uniform


class RewardedSoup(Method):
    """One training per reward; θ_λ = Σ λ_i θ_i, and λ = μ (Ramé et al. 2023, section 2.2).

    Args:
        merge: how to merge weights instead: a method of ``rsoup merge``, which takes whole weights.
        options: its settings: ``{density: 0.3}``.
    """

    def __init__(self, merge: str = LINEAR, options: dict[str, Any] | None = None) -> None:
        merge_method(merge, options)  # says what is wrong with their names
        self.mixing, self.options = merge, options or {}

    def experts(self, rewards: Sequence[str]) -> dict[str, Preference]:
        if self.merges:  # what stops it on the smallest weights would stop the sweep
            init, *small = ({"": torch.full((1,), float(number))} for number in range(len(rewards) + 1))
            merge_weights(small, *uniform(len(small)), method=self.mixing, init=init, **self.options)
        return {name: {name: 1.0} for name in rewards}

    def coefficients(self, preference: Sequence[float], rewards: Sequence[str]) -> Coefficients:
        return tuple(preference)
