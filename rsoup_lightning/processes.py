"""What several processes that train one policy together decide together; a process alone decides for itself.

They are the ranks of torch.distributed, which Lightning starts; each calls these functions at the same moments.
Notation: N values of one process, W processes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, distributed


def several() -> bool:
    """Whether there is another process."""
    return distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1


def of_all(own: Tensor) -> Tensor:
    """``[sum of N, ...]`` the values ``own [N, ...]`` of every process, in the order of ranks; N may differ."""
    if not several():
        return own
    lengths = [torch.zeros(1, dtype=torch.long, device=own.device) for _ in range(distributed.get_world_size())]
    distributed.all_gather(lengths, torch.full_like(lengths[0], len(own)))
    longest = max(int(length) for length in lengths)
    padded = own.new_zeros(longest, *own.shape[1:])
    padded[: len(own)] = own
    gathered = [torch.empty_like(padded) for _ in lengths]
    distributed.all_gather(gathered, padded)
    return torch.cat([values[: int(length)] for values, length in zip(gathered, lengths, strict=True)])


def together(function: Callable[[Tensor], Tensor], own: Tensor) -> Tensor:
    """``[N]`` what ``function``, of ``[n]`` to ``[n]``, makes of the values ``own [N]`` amid those of every process."""
    if not several():
        return function(own)
    before = of_all(own.new_full((1,), len(own), dtype=torch.long))[: distributed.get_rank()].sum()
    return function(of_all(own))[int(before) :][: len(own)]


def share_of_mean(own: Tensor) -> Tensor | float:
    """A number over its mean among processes: what the mean of so many values counts for in the mean of all."""
    return own / of_all(own.float().view(1)).mean().clamp(min=1e-30) if several() else 1.0


def most(own: int, device: torch.device) -> int:
    """The largest of a number among processes, which compute on such a ``device``."""
    return int(of_all(torch.tensor([own], device=device)).max()) if several() else own


def average_gradients(parameters: Iterable[Tensor]) -> None:
    """Make each gradient the mean over processes: none counts as zero, and one that nobody has stays so."""
    if not several():
        return
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    had = torch.tensor([parameter.grad is not None for parameter in trained], device=trained[0].device)
    own = [torch.zeros_like(each) if each.grad is None else each.grad for each in trained]
    summed = torch.cat([had.float(), *(grad.reshape(-1).float() for grad in own)])
    distributed.all_reduce(summed)
    some, *grads = (summed / distributed.get_world_size()).split([len(own), *(grad.numel() for grad in own)])
    for parameter, somebody, grad in zip(trained, some.tolist(), grads, strict=True):
        parameter.grad = grad.view_as(parameter).to(parameter.dtype) if somebody else None


class Turns:
    """Each process's own batches of an epoch: they take turns, and each has as many.

    Args:
        batches: the same in all processes.
    """

    def __init__(self, batches: Iterable[Any]) -> None:
        self.batches = batches

    def __iter__(self) -> Iterator[Any]:
        rounds = zip(*[iter(self.batches)] * distributed.get_world_size(), strict=False)
        return (batches[distributed.get_rank()] for batches in rounds)

    def __len__(self) -> int:
        return len(self.batches) // distributed.get_world_size()  # type: ignore[arg-type]  # raises where it has none


def share(batches: Iterable[Any]) -> Iterable[Any]:
    """Every W-th of ``batches``, from this process's rank on; where others have one more, the first one as well."""
    if not several():
        return batches
    count, rank = distributed.get_world_size(), distributed.get_rank()
    listed = list(batches)
    listed += listed[:1] * (-len(listed) % count)
    return listed[rank::count]
