"""Policies that train part of a pre-trained model, and recall where that part began."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from rsoup_lightning.policy import Policy, PolicyOutput, Weights
from rsoup_lightning.rollout import Rollout


class PartlyTrainedPolicy(Policy):
    """Its weights are the parameters that need a gradient. Its reference is itself, with those of the start.

    Subclasses call :meth:`remember` once they have said which parameters are trained.
    """

    _trained: frozenset[str] = frozenset()
    _start: Mapping[str, Tensor] = {}

    def remember(self) -> None:
        """Take the parameters that need a gradient as what is trained, and their values as the start."""
        self._trained = frozenset(name for name, parameter in self.named_parameters() if parameter.requires_grad)
        self.freeze_reference()

    def weights(self) -> Weights:
        return {name: tensor for name, tensor in self.state_dict().items() if name in self._trained}

    def start_from(self, weights: Weights) -> None:
        super().start_from(weights)
        self.freeze_reference()

    def freeze_reference(self) -> None:
        self._start = {name: tensor.detach().clone() for name, tensor in self.weights().items()}

    def reference_weights(self) -> Weights:
        return self._start

    @torch.no_grad()
    def reference_log_probs(self, rollout: Rollout) -> Tensor:
        """As of :class:`Policy`; the policy as it was built or began until another reference is frozen."""
        if "reference_log_probs" in rollout:
            return rollout["reference_log_probs"]
        with self.at_start():
            return self.scored(rollout).log_probs

    @contextmanager
    def at_start(self) -> Iterator[None]:
        """The policy with the weights of its reference, inside the block."""
        with with_values(dict(self.named_parameters()), self._start):
            yield

    def scored(self, rollout: Rollout) -> PolicyOutput:
        """The rollout re-scored without gradient, as it was sampled. Default: at once."""
        return self(rollout)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Policy:
        self._start = {name: fn(tensor) for name, tensor in self._start.items()}
        return super()._apply(fn, recurse)


@contextmanager
def with_values(parameters: Mapping[str, nn.Parameter], values: Mapping[str, Tensor]) -> Iterator[None]:
    """Other values of some of the named ``parameters`` inside the block, and their own again after it."""
    own = {name: parameters[name].data for name in values}
    try:
        _give(parameters, values)
        yield
    finally:
        _give(parameters, own)


def _give(parameters: Mapping[str, nn.Parameter], values: Mapping[str, Tensor]) -> None:
    for name, value in values.items():
        parameters[name].data = value
    torch.clear_autocast_cache()  # under mixed precision it holds the parameters' other values, rounded


def without_dropout(model: nn.Module) -> None:
    """Have a pre-trained model drop nothing, also in training mode: a policy is re-scored as it sampled.

    Called before an adapter is added, whose own dropout is asked for.
    """
    for module in model.modules():
        for name, value in vars(module).items():
            if isinstance(value, float) and ("drop" in name or (name == "p" and isinstance(module, _DropoutNd))):
                setattr(module, name, 0.0)


@contextmanager
def in_evaluation(model: nn.Module) -> Iterator[None]:
    """``model`` in evaluation mode inside the block, and in training mode after it if it was before."""
    if not model.training:
        yield
        return
    try:
        model.eval()
        yield
    finally:
        model.train()
