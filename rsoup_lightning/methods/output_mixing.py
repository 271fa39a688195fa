"""``OutputMixing``: the experts of a rewarded soup, but their outputs mixed and not their weights."""

from __future__ import annotations

from rsoup_lightning.methods.rewarded_soup import RewardedSoup
from rsoup_lightning.simplex import DRAWN, OUTPUTS


class OutputMixing(RewardedSoup):
    """One training per reward; log π_λ = Σ λ_i log π_i + constant at every step, and λ = μ.

    Of language models that is MOD (Shi et al. 2024), of denoisers Diffusion Blend (Cheng et al. 2025). A step costs a
    pass per expert that λ weighs, where a soup costs one; and there are no weights that play it, so nothing to pick.

    Args:
        drawn: at each step one expert answers, drawn by λ: a step costs one pass, of denoisers only (DB-MPA-LS of Cheng
            et al. 2025).
    """

    def __init__(self, drawn: bool = False) -> None:
        super().__init__()
        self.mixing = DRAWN if drawn else OUTPUTS
