from __future__ import annotations

import numpy as np
import torch
from torch.distributions import Categorical

from rsoup_lightning.merging import linear
from rsoup_lightning.modalities.control import CategoricalMLP
from rsoup_lightning.rollout import Rollout

OBSERVATIONS, OPTIONS = 4, (3, 2, 5)


def _policy(seed: int = 0, options: tuple[int, ...] = OPTIONS) -> CategoricalMLP:
    torch.manual_seed(seed)
    policy = CategoricalMLP(OBSERVATIONS, options, hidden=(8, 8))
    torch.nn.init.normal_(policy.actor[-1].weight)
    return policy


def _each(policy: CategoricalMLP, observations: torch.Tensor) -> list[Categorical]:
    logits = policy.actor(policy.normalise(observations)).split(list(OPTIONS), -1)
    return [Categorical(logits=part) for part in logits]


def test_log_probs_and_entropy_are_torchs() -> None:
    policy, observations = _policy(), torch.randn(3, 5, OBSERVATIONS)
    actions = torch.stack([torch.randint(count, (3, 5)) for count in OPTIONS], dim=-1)
    steps = {"observations": observations, "actions": actions.float()}
    output = policy(Rollout(torch.zeros(3, 5), torch.ones(3, 5, dtype=torch.bool), steps))
    each = _each(policy, observations)
    expected = [choice.log_prob(option) for choice, option in zip(each, actions.unbind(-1), strict=True)]
    torch.testing.assert_close(output.log_probs, torch.stack(expected).sum(0))
    torch.testing.assert_close(output.entropy, torch.stack([choice.entropy() for choice in each]).sum(0))


def test_explorers_sample_the_distribution() -> None:
    policy, copies = _policy(), 20_000
    observations = torch.full((copies, OBSERVATIONS), 0.7)
    explore = policy.explorer(2, copies)
    first, second = (torch.from_numpy(explore(observations.numpy())) for _ in range(2))
    each = _each(policy, observations[:1])
    for index, choice in enumerate(each):
        share = first[:, index].bincount(minlength=OPTIONS[index]) / copies
        torch.testing.assert_close(share, choice.probs.detach()[0], atol=0.015, rtol=0)
    assert not torch.equal(first, second)
    expected = sum(choice.log_prob(second[:, index]) for index, choice in enumerate(each))
    torch.testing.assert_close(explore.log_probs()[:, 1], expected.detach(), atol=1e-5, rtol=1e-5)


def test_one_hot_soups_are_their_experts_to_the_bit() -> None:
    experts = [{name: tensor.clone() for name, tensor in _policy(seed).weights().items()} for seed in range(3)]
    policy, observations = _policy(9), np.random.default_rng(0).normal(size=(50, OBSERVATIONS)).astype(np.float32)
    for index, expert in enumerate(experts):
        policy.load_weights(linear(experts, np.eye(3)[index]))
        assert all(torch.equal(tensor, policy.weights()[name]) for name, tensor in expert.items())
        assert np.array_equal(policy.player()(observations), _policy(index).player()(observations))


def test_many_soups_at_once_decide_as_each_alone() -> None:
    """Rows in one group per λ, to the bit: a choice that flips leads to another episode."""
    experts = [{name: tensor.clone() for name, tensor in _policy(seed).weights().items()} for seed in range(2)]
    points = [(share, 1 - share) for share in np.linspace(0, 1, 21)]
    policy, observations = _policy(9), np.random.default_rng(0).normal(size=(50, OBSERVATIONS))
    together = policy.soups(experts)(points).player()(np.tile(observations, (21, 1))).reshape(21, 50, 3)
    for point, actions in zip(points, together, strict=True):
        policy.load_weights(linear(experts, point))
        assert np.array_equal(policy.player()(observations), actions)
        logits = policy.actor(policy.normalise(torch.from_numpy(observations).float())).split(list(OPTIONS), -1)
        assert np.array_equal(torch.stack([part.argmax(-1) for part in logits], -1), actions)
    assert len(np.unique(together[:, :, 2], axis=0)) > 2, "λ matters"


def test_ensembles_choose_what_the_mixed_log_probabilities_say() -> None:
    experts = [{name: tensor.clone() for name, tensor in _policy(seed).weights().items()} for seed in range(2)]
    points = [(1.0, 0.0), (0.3, 0.7), (0.0, 1.0)]
    policy, observations = _policy(9), torch.randn(50, OBSERVATIONS)
    ensembles = policy.ensembles(experts)
    assert ensembles is not None
    together = ensembles(points).player()(np.tile(observations.numpy(), (3, 1))).reshape(3, 50, 3)
    for point, actions in zip(points, together, strict=True):
        mixed = [torch.zeros(50, count) for count in OPTIONS]
        for share, seed in zip(point, range(2), strict=True):
            mixed = [
                total + share * each.logits
                for total, each in zip(mixed, _each(_policy(seed), observations), strict=True)
            ]
        assert np.array_equal(torch.stack([choice.argmax(-1) for choice in mixed], -1), actions)
    assert len(np.unique(together, axis=0)) == 3, "λ matters"
