"""``ConditionedPolicy``: E experts that are trained together, every row of a rollout under a soup of its own.

Notation: E experts, M points λ of a rollout, B rows, T steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from rsoup_lightning.conditioning import COEFFICIENTS, Conditioning, divisor
from rsoup_lightning.errors import ConfigError
from rsoup_lightning.merging import linear
from rsoup_lightning.module import RewardFineTuner
from rsoup_lightning.policy import Policy, PolicyOutput, RewardWeights, Weights
from rsoup_lightning.rollout import Rollout
from rsoup_lightning.simplex import rows_per_point, uniform


class ConditionedPolicy(Policy):
    """The experts of all rewards, trained at once as the family of their linear soups.

    A row is sampled and re-scored under θ_λ = Σ λ_e θ_e, with a λ drawn for it that its rollout keeps as
    ``coefficients [B, E]``. What maximises E_λ E_{θ_λ}[Σ λ_e r_e] are experts whose soups are as good as they can be,
    and not experts that are best alone (Dimitriadis et al. 2023, "Pareto manifold learning"; Wang et al. 2024,
    "Conditional language policy", whose weights are linear in λ too). A critic is mixed as well: it is then the value
    of the λ-weighted reward under the policy at λ.

    Args:
        policy: the initialisation, as a policy that was not trained; it plays, and keeps the reference.
        conditioning: how.
        entries: of a training rollout, as of :class:`environment.Environment`.

    Raises:
        ConfigError: this policy's experts cannot be trained like this; names the setting.
    """

    def __init__(self, policy: Policy, conditioning: Conditioning, entries: int | None = None) -> None:
        super().__init__()
        self.conditioning = conditioning
        self.independent_steps = policy.independent_steps
        self._policy = (policy,)  # in a tuple, so that it is no submodule: neither trained nor saved
        own, experts = policy.weights(), len(conditioning.rewards)
        trained: dict[nn.Parameter, int] = {}
        self._places = {  # among the stacks of experts, by name: names that the policy ties have one
            name: trained.setdefault(each, len(trained))
            for name, each in policy.named_parameters(remove_duplicate=False)
            if each.requires_grad and name in own
        }
        self.experts = nn.ParameterList(torch.stack([each.detach()] * experts) for each in trained)
        policy.check_mixed()
        self.conditioning = conditioning.fitting(entries, several=policy.soups(self._each()) is not None)

    @property
    def policy(self) -> Policy:
        """What it was made of."""
        return self._policy[0]

    def _each(self) -> list[dict[str, Tensor]]:
        """The weights of every expert."""
        weights = self.weights()
        return [expert_of(weights, expert) for expert in range(len(self.conditioning.rewards))]

    def weights(self) -> Weights:
        """Those of all experts, with their numbers, and once what they share; :func:`expert_of` takes them apart."""
        own = {
            f"{expert}:{name}": tensor
            for name, place in self._places.items()
            for expert, tensor in enumerate(self.experts[place].detach())
        }
        shared = self.policy.weights().items()
        return own | {f":{name}": tensor for name, tensor in shared if name not in self._places}

    def forward(self, rollout: Rollout) -> PolicyOutput:
        output = self.policy.forward_mixed(rollout, {name: self.experts[place] for name, place in self._places.items()})
        if output is not None:
            return output
        columns = self._at_each(rollout, lambda policy, rows: vars(policy(rows)))
        return PolicyOutput(**columns)

    @torch.no_grad()
    def values(self, rollout: Rollout) -> Tensor:
        return self._at_each(rollout, lambda policy, rows: {"values": policy.values(rows)})["values"]

    def _at_each(
        self, rollout: Rollout, ask: Callable[[Policy, Rollout], Mapping[str, Tensor | None]]
    ) -> dict[str, Any]:
        """What ``ask`` gives of all rows, one λ after another; None stays None."""
        points, groups = rollout[COEFFICIENTS].unique(dim=0, return_inverse=True)
        mixed = [torch.tensordot(points.to(each), each, 1) for each in self.experts]
        order, asked = groups.argsort(stable=True), _Asked(self.policy, ask)
        parts = []
        for number, rows in enumerate(order.split(groups.bincount().tolist())):
            soup = [each[number] for each in mixed]
            weights = {f"policy.{name}": soup[place] for name, place in self._places.items()}
            parts.append(functional_call(asked, weights, (rollout.rows(rows),)))
        columns = {name: [part[name] for part in parts] for name in parts[0]}
        back = order.argsort()
        return {name: None if column[0] is None else torch.cat(column)[back] for name, column in columns.items()}

    def sampled(self, play: Callable[[Policy], Rollout], completions: int = 1) -> Rollout:
        points = self.conditioning.draw(torch.initial_seed())  # that of the step: all it samples is at the same λ
        with divisor(len(points)):
            with self._soup(points) as policy:
                rollout = play(policy)
            repeats = completions * rows_per_point(len(rollout) // completions, len(points))  # a prompt has one λ
        coefficients = rollout.log_probs.new_tensor(points).repeat_interleave(repeats, 0)
        return replace(rollout, context={**rollout.context, COEFFICIENTS: coefficients})

    def preference(self, rollout: Rollout, trained: RewardWeights) -> dict[str, Tensor]:
        """μ = λ of each row."""
        return dict(zip(self.conditioning.rewards, rollout[COEFFICIENTS].unbind(1), strict=True))

    def lesson(self, rollout: Rollout, trained: RewardWeights, weighed: Callable[[RewardWeights], Rollout]) -> Rollout:
        if self.conditioning.advantages == "sum":
            return super().lesson(rollout, trained, weighed)
        preference = self.preference(rollout, trained)
        each = {name: weighed({name: 1.0}) for name in preference}
        if any(len(lesson) < len(rollout) for lesson in each.values()):
            raise ConfigError("algorithm.init_args.keep leaves other rows out for each reward: set it to 1")
        shares = [weight.unsqueeze(1) * each[name]["advantages"] for name, weight in preference.items()]
        return rollout.with_steps(advantages=torch.stack(shares).sum(0))

    @contextmanager
    def evaluated(self) -> Iterator[Policy]:
        """The soup of equal shares."""
        with self._soup(uniform(len(self.conditioning.rewards))) as policy:
            yield policy

    @contextmanager
    def _soup(self, points: Sequence[tuple[float, ...]]) -> Iterator[Policy]:
        """What plays M soups, its rows in one group per λ, in order."""
        soups = self.policy.soups(self._each())
        if soups is not None:
            yield soups(points)
            return
        (point,) = points  # as __init__ requires
        self.policy.load_weights(linear(self._each(), point))  # its own are nowhere needed any more
        yield self.policy

    def freeze_reference(self) -> None:
        self.policy.freeze_reference()

    def reference_log_probs(self, rollout: Rollout) -> Tensor:
        return self.policy.reference_log_probs(rollout)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Policy:
        self.policy._apply(fn, recurse)
        return super()._apply(fn, recurse)


@contextmanager
def conditioned(module: RewardFineTuner, conditioning: Conditioning) -> Iterator[None]:
    """Experts are what ``module`` trains inside the block, together, which all begin at its policy's weights.

    Raises:
        ConfigError: policy or algorithm cannot do that; names the setting.
    """
    algorithm, own = module.algorithm, module.policy
    if conditioning.advantages == "each" and (algorithm.needs_critic or algorithm.greedy_baseline):
        raise ConfigError(
            f"{type(algorithm).__name__} has one baseline for the sum of rewards: set "
            "soup.method.init_args.advantages to sum"
        )
    module.policy = ConditionedPolicy(own, conditioning, module.environment.entries)
    try:
        yield
    finally:
        module.policy = own


class _Asked(nn.Module):
    """A question to a policy as a module's forward, so that it can be asked under other weights."""

    def __init__(self, policy: Policy, ask: Callable[[Policy, Rollout], Mapping[str, Tensor | None]]) -> None:
        super().__init__()
        self.policy, self._ask = policy, ask

    def forward(self, rollout: Rollout) -> Mapping[str, Tensor | None]:
        return self._ask(self.policy, rollout)


def expert_of(weights: Weights, number: int) -> dict[str, Tensor]:
    """The weights of one expert, by the number of its reward, among :meth:`ConditionedPolicy.weights`.

    >>> expert_of({"0:place": torch.zeros(2), "1:place": torch.ones(2), ":mean": torch.zeros(2)}, 1)
    {'place': tensor([1., 1.]), 'mean': tensor([0., 0.])}
    """
    own = f"{number}:"
    return {
        name.removeprefix(own).removeprefix(":"): tensor
        for name, tensor in weights.items()
        if name.startswith((own, ":"))
    }
