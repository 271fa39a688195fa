from __future__ import annotations

import numpy as np
import pytest
import torch

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.merging import linear
from rsoup_lightning.modalities.control import GaussianMLP
from rsoup_lightning.rollout import Rollout

B, T, OBS, A = 3, 5, 4, 2


@pytest.fixture
def policy() -> GaussianMLP:
    torch.manual_seed(0)
    return GaussianMLP(OBS, A, hidden=(8, 8))


def _rollout(seed: int = 0) -> Rollout:
    generator = torch.Generator().manual_seed(seed)
    observations = 3 + 2 * torch.randn(B, T, OBS, generator=generator)
    mask = torch.ones(B, T, dtype=torch.bool)
    mask[0, 2] = False
    steps = {"observations": observations, "actions": torch.randn(B, T, A, generator=generator)}
    return Rollout(torch.zeros(B, T), mask, steps, context={"last_observations": observations[:, -1] + 1})


@pytest.mark.parametrize("width", [0, -3])
def test_a_hidden_layer_has_a_width(width: int) -> None:
    with pytest.raises(ConfigError, match=f"hidden is {width}"):
        GaussianMLP(OBS, A, hidden=(8, width))


def test_values_are_before_each_step_and_after_the_last(policy: GaussianMLP) -> None:
    rollout = _rollout()
    values = policy.values(rollout)
    assert values.shape == (B, T + 1)
    torch.testing.assert_close(values[:, :-1], policy(rollout).values.detach())
    last = policy.critic(policy.normalise(rollout["last_observations"])).squeeze(-1)
    torch.testing.assert_close(values[:, -1], last.detach())


def test_statistics_are_the_mean_and_variance_of_all_that_was_seen(policy: GaussianMLP) -> None:
    rollouts = [_rollout(seed) for seed in range(4)]
    for rollout in rollouts:
        policy.observe(rollout)
    seen = torch.cat([rollout["observations"][rollout.mask] for rollout in rollouts])
    torch.testing.assert_close(policy.mean, seen.mean(0))
    torch.testing.assert_close(policy.variance, seen.var(0, unbiased=False))
    assert policy.count.item() == len(seen)


def test_statistics_are_frozen_after_init(policy: GaussianMLP) -> None:
    policy.observe(_rollout())
    expert = GaussianMLP(OBS, A, hidden=(8, 8))
    expert.start_from(policy.weights())
    expert.observe(_rollout(1))
    assert all(torch.equal(tensor, policy.weights()[name]) for name, tensor in expert.weights().items())


def test_stacked_soups_act_like_each_merged_policy(policy: GaussianMLP) -> None:
    experts = []
    for seed in range(3):
        torch.manual_seed(seed)
        expert = GaussianMLP(OBS, A, hidden=(8, 8))
        torch.nn.init.normal_(expert.actor[-1].weight)
        expert.mean.fill_(1.5)
        experts.append({name: tensor.clone() for name, tensor in expert.weights().items()})
    points = [(1.0, 0.0, 0.0), (0.2, 0.3, 0.5), (-0.5, 0.5, 1.0)]
    stacked = policy.soups(experts)(points)
    assert stacked.members == 3
    observations = torch.randn(3, 6, OBS)
    actions = stacked.player()(observations.flatten(0, 1).numpy()).reshape(3, 6, A)
    for index, point in enumerate(points):
        policy.load_weights(linear(experts, point, extrapolate=True))
        expected = policy.actor(policy.normalise(observations[index])).detach()
        torch.testing.assert_close(torch.from_numpy(actions[index]), expected)
        assert np.allclose(policy.player()(observations[index].numpy()), expected, atol=1e-6)
