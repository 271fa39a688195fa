"""``Anchors``: experts of several preferences, interior ones among them, of which neighbours are merged."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import linprog, nnls

from rsoup_lightning.methods.morl import MORL, matrix
from rsoup_lightning.simplex import Coefficients


class Anchors(MORL):
    """The experts of MORL, but between their preferences μ_k one is served by its neighbours merged.

    λ are the barycentric coordinates of μ in the Delaunay triangulation of the μ_k, as the linear programme
    min Σ λ_k ‖μ_k - μ‖² under Σ λ_k μ_k = μ, Σ λ_k = 1, λ ≥ 0 finds them (Rajan 1994). A preference outside their hull
    is served as the nearest one on it.

    Args:
        preferences: the μ to train on, each reward to weight; or how many per edge of the simplex, its corners
            included.
    """

    def __init__(self, preferences: int | list[dict[str, float]] = 3) -> None:
        super().__init__(preferences)

    def coefficients(self, preference: Sequence[float], rewards: Sequence[str]) -> Coefficients:
        trained, wanted = matrix(self.experts(rewards)), np.asarray(preference, float)
        sums = 1e3 * np.ones((1, len(trained)))  # in the least squares, the weight of Σ λ = 1
        inside, _ = nnls(np.vstack([trained.T, sums]), np.append(wanted, 1e3))
        inside /= inside.sum()
        distances = np.square(trained - wanted).sum(1)
        found = linprog(distances, A_eq=np.vstack([trained.T, sums / 1e3]), b_eq=np.append(trained.T @ inside, 1.0))
        shares = found.x.round(9)
        return tuple((shares / shares.sum() + 0.0).tolist())  # without -0.0
