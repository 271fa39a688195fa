"""A denoiser that says what several experts say, mixed at each step (Diffusion Blend: Cheng et al. 2025).

Means of the steps of a chain are linear in what a denoiser says, and standard deviations the same for all experts: so
mixed predictions, of noise or of data, are mixed means, and a step's distribution is the pool of the experts'.

Notation: B rows in one group per λ, in order, T steps; latents are ``[B, C, H, W]``.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor

from rsoup_lightning.modalities.ensemble import Ensemble, as_points
from rsoup_lightning.simplex import check_coefficients, rows_per_point

GOLDEN = (5**0.5 - 1) / 2  # its multiples, but for whole ones, fill the interval from 0 to 1 evenly


class DenoiserEnsemble:
    """Experts of one denoiser.

    Args:
        unet: what they take turns in, of diffusers.
        ensemble: they.
        drawn: for the timesteps ``[T]`` of a chain, one expert per step and row, drawn by λ, which costs as much as one
            expert (DB-MPA-LS of Cheng et al. 2025). The draws are evenly spread in place of independent: an expert's
            share of the steps is λ even of a few, and images depend on their own noise alone. None: all of them are
            asked and their predictions mixed.
    """

    def __init__(self, unet: Any, ensemble: Ensemble, drawn: Tensor | None = None) -> None:
        self._unet, self._ensemble, self._drawn = unet, ensemble, drawn

    def at(self, coefficients: Sequence[Sequence[float]]) -> AbstractContextManager[Any]:
        """What takes the place of the denoiser, inside the block: its rows in M groups, one per λ, in order."""
        if self._drawn is None:
            return nullcontext(partial(self._mixed, as_points(coefficients, len(self._ensemble))))
        points = [check_coefficients(point, len(self._ensemble)) for point in coefficients]
        return nullcontext(partial(self._one, torch.tensor(points)))

    def _mixed(self, points: Tensor, latents: Tensor, times: Tensor, encoder_hidden_states: Tensor, **_: Any) -> Any:
        return (self._ensemble.pooled(lambda _: self._ask(latents, times, encoder_hidden_states), points),)

    def _one(self, points: Tensor, latents: Tensor, times: Tensor, encoder_hidden_states: Tensor, **_: Any) -> Any:
        assert self._drawn is not None
        steps = (self._drawn > times.unsqueeze(1)).sum(1)  # they descend
        each = rows_per_point(len(latents), len(points))
        bounds = points.cumsum(1)[:, :-1].to(times.device).repeat_interleave(each, dim=0)
        experts = ((steps + 0.5).double() * GOLDEN % 1 >= bounds.T).sum(0)
        said = torch.empty_like(latents)
        for number in experts.unique().tolist():
            rows = (experts == number).nonzero().squeeze(1)
            with self._ensemble.turn(number):
                said[rows] = self._ask(latents[rows], times[rows], encoder_hidden_states[rows]).to(said)
        return (said,)

    def _ask(self, latents: Tensor, times: Tensor, embeddings: Tensor) -> Tensor:
        said: Tensor = self._unet(latents, times, encoder_hidden_states=embeddings, return_dict=False)[0]
        return said
