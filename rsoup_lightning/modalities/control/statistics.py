"""Mean and variance of observations that came in parts, from any number of processes.

Notation: N observations, O observation size.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from rsoup_lightning.processes import of_all


class Moments(NamedTuple):
    """Of N observations, in double precision: their number ``[]``, mean ``[O]`` and population variance ``[O]``."""

    number: Tensor
    mean: Tensor
    variance: Tensor


def moments(observations: Tensor) -> Moments:
    """Of ``observations [N, O]``; all zero where N is 0."""
    seen = observations.double()
    number = seen.new_tensor(len(seen))
    mean = seen.sum(0) / number.clamp(min=1)
    return Moments(number, mean, (seen - mean).square().sum(0) / number.clamp(min=1))


def merged(first: Moments, second: Moments) -> Moments:
    """Of the observations of both together (Chan et al. 1979).

    >>> both = merged(moments(torch.tensor([[1.0], [3.0]])), moments(torch.tensor([[5.0]])))
    >>> both.number.item(), both.mean.item(), round(both.variance.item(), 3)
    (3.0, 3.0, 2.667)
    """
    total = (first.number + second.number).clamp(min=1)
    shift = second.mean - first.mean
    spread = first.variance * first.number + second.variance * second.number
    return Moments(
        first.number + second.number,
        first.mean + shift * (second.number / total),
        (spread + shift.square() * (first.number * second.number / total)) / total,
    )


def of_all_processes(own: Moments) -> list[Moments]:
    """What each process of a distributed training gave, in the same order everywhere; ``own`` alone without one."""
    gathered = of_all(torch.cat([own.number.view(1), own.mean, own.variance]).unsqueeze(0))
    return [Moments(each[0], *each[1:].chunk(2)) for each in gathered]
