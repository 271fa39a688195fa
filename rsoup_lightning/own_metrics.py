"""Metrics of a user's own, beside the rewards: functions, and classes of torchmetrics, of what was asked and given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

from rsoup_lightning.errors import RewardError
from rsoup_lightning.front.metrics import CompletionScores

OwnMetric = Metric | Callable[[list[str], list[Any]], Sequence[float]]
"""A function of B prompts and B outputs (see ``Environment.outputs``) that gives a number for each; or a ``Metric``
that is updated with the two, and computes one number of a policy, which then has no interval."""


class OwnScores:
    """What one metric makes of one policy.

    Args:
        name: of the metric, for errors.
        metric: a ``Metric`` is copied, so that policies do not share its state.
    """

    def __init__(self, name: str, metric: OwnMetric) -> None:
        self._name = name
        self._metric = deepcopy(metric) if isinstance(metric, Metric) else metric
        self._scores = CompletionScores()

    def update(self, ids: Tensor, prompts: list[str], outputs: list[Any]) -> None:
        """Add completions: ``ids [B]``, and of each what was asked and given.

        Raises:
            RewardError: the function gives more or fewer numbers than there are completions, or other things.
        """
        if isinstance(self._metric, Metric):
            self._metric.update(prompts, outputs)
            return
        given = self._metric(prompts, outputs)
        try:
            values = torch.as_tensor(given, dtype=torch.float32)
        except (TypeError, ValueError, RuntimeError) as error:
            raise RewardError(f"the metric {self._name!r} gave {given!r:.60}: give a number per output") from error
        if values.shape != ids.shape or not values.isfinite().all():
            raise RewardError(
                f"the metric {self._name!r} gave {given!r:.60} for {len(ids)} outputs: give a number for each"
            )
        self._scores.update(ids.cpu(), values)

    def gathered(self) -> Tensor:
        """``[S]`` of every completion in the order of their ids, or ``[1]`` of them all.

        Raises:
            RewardError: a ``Metric`` computes something else than one finite number.
        """
        if not isinstance(self._metric, Metric):
            return self._scores.gathered()
        computed = self._metric.compute()
        fault = f"the metric {self._name!r} computed {computed!r:.60}: it must be one finite number"
        try:
            value = torch.as_tensor(computed, dtype=torch.float32)
        except (TypeError, ValueError, RuntimeError) as error:
            raise RewardError(fault) from error
        if value.numel() != 1 or not value.isfinite():
            raise RewardError(fault)
        return value.reshape(1)


def check_own_metrics(metrics: Mapping[str, Any], rewards: Sequence[str]) -> None:
    """Require that metrics can be told from rewards, and called.

    Raises:
        RewardError: names the metric.
    """
    for name, metric in metrics.items():
        if name in rewards:
            raise RewardError(f"the metric {name!r} has the name of a reward: give it another")
        if not callable(metric):  # as classes of torchmetrics are, too
            raise RewardError(f"the metric {name!r} is {metric!r:.60}, neither a function nor a torchmetrics Metric")
