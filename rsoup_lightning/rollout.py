"""The one data structure every modality, reward and algorithm shares."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from rsoup_lightning.errors import UnknownNameError


@dataclass(frozen=True)
class Rollout:
    """A batch of what a policy did. A *step* is a token, a denoising step or a simulator step.

    Args:
        log_probs: ``[B, T]`` log-probability of each step under the policy that took it.
        mask: ``[B, T]`` bool, true where a step counts (false: padding, or the reset between two episodes).
        steps: per-step payload, each ``[B, T, ...]`` (actions, observations, tokens, advantages).
        signals: per-step payload that only rewards read, each ``[B, T, ...]``; single steps leave it behind.
        context: per-row payload, each ``[B, ...]`` (prompts, last observations, identifiers).
        terminated: ``[B, T]`` bool, no reward can follow this step. Default: the last counted step of each row.
        truncated: ``[B, T]`` bool, the episode was cut here although more would have followed. Default: nowhere.
        texts: anything per row that is not a tensor, each a list of B entries (prompts and completions as strings).

    Notation: B rows, T steps. Rewards are computed from a rollout, they are not part of it:
    see :class:`rsoup_lightning.rewards.Reward`.
    """

    log_probs: Tensor
    mask: Tensor
    steps: dict[str, Tensor] = field(default_factory=dict)
    signals: dict[str, Tensor] = field(default_factory=dict)
    context: dict[str, Tensor] = field(default_factory=dict)
    terminated: Tensor = None  # type: ignore[assignment]  # filled by __post_init__
    truncated: Tensor = None  # type: ignore[assignment]
    texts: dict[str, list[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shape = self.mask.shape
        if len(shape) != 2 or self.log_probs.shape != shape:
            raise ValueError(f"log_probs {tuple(self.log_probs.shape)} and mask {tuple(shape)} must both be [B, T]")
        if self.terminated is None:
            object.__setattr__(self, "terminated", last_counted(self.mask))
        if self.truncated is None:
            object.__setattr__(self, "truncated", torch.zeros_like(self.mask))
        for name, tensor in (*self.steps.items(), *self.signals.items()):
            if tensor.shape[:2] != shape:
                raise ValueError(
                    f"step payload {name!r} is {tuple(tensor.shape)}, expected [B, T, ...] with {tuple(shape)}"
                )
        sizes = {name: len(rows) for payload in (self.context, self.texts) for name, rows in payload.items()}
        for name, size in sizes.items():
            if size != shape[0]:
                raise ValueError(f"payload {name!r} has {size} rows, expected {shape[0]}")

    def __len__(self) -> int:
        return self.mask.shape[0]

    def __getitem__(self, name: str) -> Tensor:
        """The payload called ``name``, from ``steps``, ``signals`` or ``context``.

        Raises:
            UnknownNameError: there is none; suggests the nearest name.
        """
        for payload in (self.steps, self.signals, self.context):
            if name in payload:
                return payload[name]
        raise UnknownNameError("field of this rollout", name, [*self.steps, *self.signals, *self.context])

    def __contains__(self, name: str) -> bool:
        return name in self.steps or name in self.signals or name in self.context

    @property
    def counted(self) -> Tensor:
        """Scalar number of steps that count: simulator steps, tokens, denoising steps."""
        return self.mask.sum()

    def with_steps(self, **steps: Tensor) -> Rollout:
        """A copy with more per-step payload, each ``[B, T, ...]``."""
        return replace(self, steps={**self.steps, **steps})

    def with_signals(self, **signals: Tensor) -> Rollout:
        """A copy with more per-step payload that only rewards read, each ``[B, T, ...]``."""
        return replace(self, signals={**self.signals, **signals})

    def rows(self, index: Tensor) -> Rollout:
        """The rows ``index [N]`` as a rollout of N rows."""
        positions = index.tolist() if self.texts else []
        texts = {name: [entries[i] for i in positions] for name, entries in self.texts.items()}
        return self._map(lambda tensor: tensor.index_select(0, index), texts)

    def parts(self, size: int) -> Iterator[Rollout]:
        """All rows in order, ``size`` at a time; 0: at once."""
        if not 0 < size < len(self):
            yield self
            return
        for index in torch.arange(len(self), device=self.mask.device).split(size):
            yield self.rows(index)

    def minibatches(self, size: int, *, by_step: bool = False) -> Iterator[Rollout]:
        """Everything once in a random order (torch's global generator), ``size`` at a time, the last one maybe fewer.

        Args:
            size: rows per minibatch, or steps with ``by_step``.
            by_step: cut rows into counted steps, each a row ``[1]`` of its own with its row's context; for policies
                that score a step without its past.
        """
        steps = self.mask.shape[1]
        pool = self.mask.reshape(-1).nonzero().squeeze(1) if by_step else torch.arange(len(self))
        order = pool[torch.randperm(len(pool), device="cpu").to(pool.device)].to(self.mask.device)
        for index in order.split(size):
            yield self._steps(index, index // steps) if by_step else self.rows(index)

    def to(self, device: torch.device) -> Rollout:
        """The same rollout on another device."""
        return self._map(lambda tensor: tensor.to(device), self.texts)

    def _steps(self, index: Tensor, row: Tensor) -> Rollout:
        """Single steps as rows: ``index [N]`` counts over rows × steps, ``row [N]`` is the row of each."""

        def pick(tensor: Tensor) -> Tensor:
            return tensor.reshape(-1, *tensor.shape[2:]).index_select(0, index).unsqueeze(1)

        alone = pick(self.mask)
        return Rollout(
            log_probs=pick(self.log_probs),
            mask=alone,
            steps={name: pick(tensor) for name, tensor in self.steps.items()},
            context={name: tensor.index_select(0, row) for name, tensor in self.context.items()},
            terminated=alone,
            truncated=~alone,
        )

    def _map(self, change: Callable[[Tensor], Tensor], texts: dict[str, list[Any]]) -> Rollout:
        return Rollout(
            log_probs=change(self.log_probs),
            mask=change(self.mask),
            steps={name: change(tensor) for name, tensor in self.steps.items()},
            signals={name: change(tensor) for name, tensor in self.signals.items()},
            context={name: change(tensor) for name, tensor in self.context.items()},
            terminated=change(self.terminated),
            truncated=change(self.truncated),
            texts=texts,
        )


def last_counted(mask: Tensor) -> Tensor:
    """``[B, T]`` bool, true at the last true entry of each row of ``mask``."""
    after = mask.flip(1).cumsum(1).flip(1)
    return mask.bool() & (after == 1)
