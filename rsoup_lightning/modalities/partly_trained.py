"""Policies that train part of a pre-trained model, and recall that model and where the training began."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

import torch
from torch import Tensor, nn

from rsoup_lightning.policy import Policy, PolicyOutput, Weights
from rsoup_lightning.rollout import Rollout

BASE_LOG_PROBS = "base_log_probs"
"""The signal ``[B, T]`` of rollouts that have been scored by the base."""


class PartlyTrainedPolicy(Policy):
    """Its weights are the parameters that need a gradient. Its reference is itself with those of the start, and its
    base itself with those that it was built with.

    Subclasses call :meth:`remember` once they have said which parameters are trained.
    """

    _trained: frozenset[str] = frozenset()
    _base: Mapping[str, Tensor] = {}
    _start: Mapping[str, Tensor] = {}  # the base's own where they are equal: one pass then serves for both

    def remember(self) -> None:
        """Take the parameters that need a gradient as what is trained, and their values as the base and the start."""
        self._trained = frozenset(name for name, parameter in self.named_parameters() if parameter.requires_grad)
        self._base = self._start = _copied(self.weights())

    def weights(self) -> Weights:
        return {name: tensor for name, tensor in self.state_dict().items() if name in self._trained}

    def start_from(self, weights: Weights) -> None:
        super().start_from(weights)
        self.freeze_reference()

    def freeze_reference(self) -> None:
        own = self.weights()
        at_base = all(torch.equal(own[name], tensor) for name, tensor in self._base.items())
        self._start = self._base if at_base else _copied(own)

    def reference_weights(self) -> Weights:
        if self._start is self._base:  # which is not to be changed
            self._start = _copied(self._base)
        return self._start

    @torch.no_grad()
    def reference_log_probs(self, rollout: Rollout) -> Tensor:
        """As of :class:`Policy`; the policy as it was built or began until another reference is frozen."""
        if self._start is self._base:
            return rollout[BASE_LOG_PROBS] if BASE_LOG_PROBS in rollout else self.base_log_probs(rollout)
        with self.at_start():
            return self.scored(rollout).log_probs

    @torch.no_grad()
    def base_log_probs(self, rollout: Rollout) -> Tensor:
        """``[B, T]`` log-probabilities of the steps under the model as it was built, without gradient.

        Wherever a training began: in a run, that may be a trained init or an earlier round's soup.
        """
        with self.holding(self._base):
            return self.scored(rollout).log_probs

    def at_start(self) -> AbstractContextManager[None]:
        """The policy with the weights of its reference, inside the block."""
        return self.holding(self._start)

    @contextmanager
    def holding(self, weights: Weights) -> Iterator[None]:
        """The policy with these weights inside the block, and with its own again after it."""
        with with_values(dict(self.named_parameters()), weights):
            yield

    def scored(self, rollout: Rollout) -> PolicyOutput:
        """The rollout re-scored without gradient, as it was sampled. Default: at once."""
        return self(rollout)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Policy:
        at_base = self._start is self._base
        self._base = {name: fn(tensor) for name, tensor in self._base.items()}
        self._start = self._base if at_base else {name: fn(tensor) for name, tensor in self._start.items()}
        return super()._apply(fn, recurse)


def _copied(weights: Weights) -> Weights:
    return {name: tensor.detach().clone() for name, tensor in weights.items()}


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
        shares = ("p", "prob") if "Dropout" in type(module).__name__ else ()  # of torch, and of open_clip and timm
        for name, value in vars(module).items():
            if isinstance(value, float) and ("drop" in name or name in shares):
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
