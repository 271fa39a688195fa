"""torchmetrics classes of fronts, and the scores per completion that every evaluation collects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

from rsoup_lightning.front import geometry


class CompletionScores(Metric):
    """Collects one score per completion; computes their mean. Safe under DDP: completions seen twice count once.

    >>> metric = CompletionScores()
    >>> metric.update(torch.tensor([7, 8]), torch.tensor([1.0, 3.0]))
    >>> metric.update(torch.tensor([7]), torch.tensor([1.0]))
    >>> metric.compute().item()
    2.0
    """

    full_state_update = False
    higher_is_better = True
    ids: list[Tensor]
    scores: list[Tensor]

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.add_state("ids", [], dist_reduce_fx="cat")
        self.add_state("scores", [], dist_reduce_fx="cat")

    def update(self, ids: Tensor, scores: Tensor) -> None:
        """Add completions: ``ids [B]`` integers that identify them, ``scores [B]``."""
        self.ids.append(ids)
        self.scores.append(scores.detach().float())

    def compute(self) -> Tensor:
        """Scalar mean over the distinct completions."""
        return self.ordered(self._cat(self.ids), self._cat(self.scores)).mean()

    def gathered(self) -> Tensor:
        """``[S]`` the score of every distinct completion of all processes, in the order of their ids."""
        with self.sync_context(should_sync=self._to_sync, dist_sync_fn=self.dist_sync_fn):
            return self.ordered(self._cat(self.ids), self._cat(self.scores))

    def entries(self) -> Tensor:
        """``[S]`` the ids of those completions, in order."""
        with self.sync_context(should_sync=self._to_sync, dist_sync_fn=self.dist_sync_fn):
            return self._cat(self.ids).unique()

    @staticmethod
    def ordered(ids: Tensor, scores: Tensor) -> Tensor:
        """``[S]`` scores sorted by id, the first of equal ids kept."""
        order = torch.argsort(ids, stable=True)
        ids = ids[order]
        first = torch.ones_like(ids, dtype=torch.bool)
        first[1:] = ids[1:] != ids[:-1]
        return scores[order][first]

    @staticmethod
    def _cat(state: Tensor | list[Tensor]) -> Tensor:
        return state if isinstance(state, Tensor) else torch.cat(state)


class FrontMetric(Metric):
    """Collects points of a front, and computes a number of them.

    >>> metric = FrontMetric(geometry.hypervolume, [0.0, 0.0])
    >>> metric.update(torch.tensor([[1.0, 2.0], [2.0, 1.0]]))
    >>> metric.compute().item()
    3.0

    Args:
        function: of the points ``[P, R]``, such as those of :mod:`front.geometry`.
        *arguments: what it takes beside them: a reference point, the experts, preferences.
        **kwargs: of torchmetrics.
    """

    full_state_update = False
    points: list[Tensor]

    def __init__(self, function: Callable[..., float], *arguments: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.function, self.arguments = function, arguments
        self.add_state("points", [], dist_reduce_fx="cat")

    def update(self, points: Tensor) -> None:
        """Add points ``[P, R]``, or one point ``[R]``."""
        self.points.append(torch.atleast_2d(points).detach().double())

    def compute(self) -> Tensor:
        """Scalar."""
        points = self.points if isinstance(self.points, Tensor) else torch.cat(self.points)
        return torch.tensor(self.function(points.cpu().numpy(), *self.arguments), dtype=torch.float64)


class LinearModeConnectivity(Metric):
    """Share of interior points where LMC holds; see :func:`geometry.linear_mode_connectivity`.

    >>> metric = LinearModeConnectivity(experts=[[0.0, 1.0], [1.0, 0.0]])
    >>> metric.update(torch.tensor([0.5, 0.5]), torch.tensor([0.6, 0.5]))
    >>> metric.compute().item()
    1.0
    """

    full_state_update = False
    higher_is_better = True
    coefficients: list[Tensor]
    points: list[Tensor]

    def __init__(self, experts: Sequence[Sequence[float]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.experts = [list(expert) for expert in experts]
        self.add_state("coefficients", [], dist_reduce_fx="cat")
        self.add_state("points", [], dist_reduce_fx="cat")

    def update(self, coefficients: Tensor, points: Tensor) -> None:
        """Add merged points: ``coefficients [P, E]`` and ``points [P, R]``, or one of each."""
        self.coefficients.append(torch.atleast_2d(coefficients).double())
        self.points.append(torch.atleast_2d(points).detach().double())

    def compute(self) -> Tensor:
        points, weights = (s if isinstance(s, Tensor) else torch.cat(s) for s in (self.points, self.coefficients))
        lmc = geometry.linear_mode_connectivity(points.cpu().numpy(), self.experts, weights.cpu().numpy())
        return torch.tensor(lmc.holds / lmc.of if lmc.of else float("nan"), dtype=torch.float64)
