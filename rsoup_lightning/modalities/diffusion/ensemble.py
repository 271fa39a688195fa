"""A denoiser that says what several experts say, mixed at each step (Diffusion Blend: Cheng et al. 2025).

Means of the steps of a chain are linear in what a denoiser says, and standard deviations the same for all experts: so
mixed predictions, of noise or of data, are mixed means, and a step's distribution is the pool of the experts'.

Notation: B rows in one group per λ, in order, T steps; latents are ``[B, C, H, W]``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial

import torch
from torch import Tensor

from rsoup_lightning.modalities.diffusion.denoiser import Denoiser
from rsoup_lightning.modalities.diffusion.sampling import Denoise
from rsoup_lightning.modalities.ensemble import Ensemble, as_points
from rsoup_lightning.simplex import check_coefficients, rows_per_point

GOLDEN = (5**0.5 - 1) / 2  # its multiples, but for whole ones, fill the interval from 0 to 1 evenly


class DenoiserEnsemble:
    """Experts of one denoiser.

    Args:
        denoiser: what they take turns in.
        ensemble: they.
        drawn: one expert per step and row, drawn by λ, which costs as much as one expert (DB-MPA-LS of Cheng et al.
            2025), in place of all of them with their predictions mixed. The draws are evenly spread in place of
            independent: an expert's share of the steps is λ even of a few, and images depend on their own noise alone.
    """

    def __init__(self, denoiser: Denoiser, ensemble: Ensemble, *, drawn: bool = False) -> None:
        self._denoiser, self._ensemble, self._drawn = denoiser, ensemble, drawn

    def at(self, coefficients: Sequence[Sequence[float]]) -> AbstractContextManager[Callable[[Tensor], Denoise]]:
        """What they say of prompts, as :meth:`Denoiser.towards`, inside the block: rows in M groups, one per λ."""
        if not self._drawn:
            return nullcontext(partial(self._mixed, as_points(coefficients, len(self._ensemble))))
        points = [check_coefficients(point, len(self._ensemble)) for point in coefficients]
        return nullcontext(partial(self._one, torch.tensor(points)))

    def _mixed(self, points: Tensor, prompts: Tensor) -> Denoise:
        ask = self._denoiser.towards(prompts)
        return lambda latents, steps: self._ensemble.pooled(lambda _: ask(latents, steps), points)

    def _one(self, points: Tensor, prompts: Tensor) -> Denoise:
        each = rows_per_point(len(prompts), len(points))
        bounds = points.cumsum(1)[:, :-1].to(prompts.device).repeat_interleave(each, dim=0)

        def denoise(latents: Tensor, steps: Tensor) -> Tensor:
            experts = ((steps + 0.5).double() * GOLDEN % 1 >= bounds.T).sum(0)
            said = torch.empty_like(latents)
            for number in experts.unique().tolist():
                rows = (experts == number).nonzero().squeeze(1)
                with self._ensemble.turn(number):
                    said[rows] = self._denoiser.towards(prompts[rows])(latents[rows], steps[rows])
            return said

        return denoise
