"""torchmetrics classes of fronts, and the scores per completion that every evaluation collects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

from rsoup_lightning.front import geometry as fronts


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
    """Collects points ``[P, R]`` of a front and computes one number of them; base of the classes below."""

    full_state_update = False
    points: list[Tensor]

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.add_state("points", [], dist_reduce_fx="cat")

    def update(self, points: Tensor) -> None:
        """Add points ``[P, R]``, or one point ``[R]``."""
        self.points.append(torch.atleast_2d(points).detach().double())

    def _reduce(self, function: Callable[..., float], *args: Any) -> Tensor:
        points = self.points if isinstance(self.points, Tensor) else torch.cat(self.points)
        return torch.tensor(function(points.cpu().numpy(), *args), dtype=torch.float64)


class Hypervolume(FrontMetric):
    """See :func:`fronts.hypervolume`.

    >>> metric = Hypervolume(reference_point=[0.0, 0.0])
    >>> metric.update(torch.tensor([[1.0, 2.0], [2.0, 1.0]]))
    >>> metric.compute().item()
    3.0
    """

    higher_is_better = True

    def __init__(self, reference_point: Sequence[float], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.reference_point = list(reference_point)

    def compute(self) -> Tensor:
        return self._reduce(fronts.hypervolume, self.reference_point)


class NormalisedHypervolume(FrontMetric):
    """See :func:`fronts.normalised_hypervolume`; ``experts`` is ``[E, R]``."""

    higher_is_better = True

    def __init__(self, experts: Sequence[Sequence[float]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.experts = [list(expert) for expert in experts]

    def compute(self) -> Tensor:
        return self._reduce(fronts.normalised_hypervolume, self.experts)


class InvertedGenerationalDistance(FrontMetric):
    """See :func:`fronts.inverted_generational_distance`; ``reference_front`` is ``[Q, R]``."""

    higher_is_better = False

    def __init__(self, reference_front: Sequence[Sequence[float]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.reference_front = [list(point) for point in reference_front]

    def compute(self) -> Tensor:
        return self._reduce(fronts.inverted_generational_distance, self.reference_front)


class ExpectedUtility(FrontMetric):
    """See :func:`fronts.expected_utility`; ``preferences`` is ``[M, R]``."""

    higher_is_better = True

    def __init__(self, preferences: Sequence[Sequence[float]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.preferences = [list(preference) for preference in preferences]

    def compute(self) -> Tensor:
        return self._reduce(fronts.expected_utility, self.preferences)


class Sparsity(FrontMetric):
    """See :func:`fronts.sparsity`."""

    higher_is_better = False

    def compute(self) -> Tensor:
        return self._reduce(fronts.sparsity)


class LinearModeConnectivity(Metric):
    """Share of interior points where LMC holds; see :func:`fronts.linear_mode_connectivity`.

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
        lmc = fronts.linear_mode_connectivity(points.cpu().numpy(), self.experts, weights.cpu().numpy())
        return torch.tensor(lmc.holds / lmc.of if lmc.of else float("nan"), dtype=torch.float64)
