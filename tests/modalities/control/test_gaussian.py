from __future__ import annotations

import torch

from rsoup_lightning.modalities.control import GaussianMLP
from rsoup_lightning.rollout import Rollout


def _policy() -> GaussianMLP:
    torch.manual_seed(0)
    policy = GaussianMLP(4, 2, hidden=(8, 8), log_std=-1.0)
    torch.nn.init.normal_(policy.actor[-1].weight)
    return policy


def test_log_probs_and_entropy_are_torchs() -> None:
    policy = _policy()
    observations, actions = 3 + 2 * torch.randn(3, 5, 4), torch.randn(3, 5, 2)
    rollout = Rollout(
        torch.zeros(3, 5), torch.ones(3, 5, dtype=torch.bool), {"observations": observations, "actions": actions}
    )
    output = policy(rollout)
    normal = torch.distributions.Normal(policy.actor(policy.normalise(observations)), policy.log_std.exp())
    torch.testing.assert_close(output.log_probs, normal.log_prob(actions).sum(-1))
    torch.testing.assert_close(output.entropy, normal.entropy().sum(-1))


def test_explorers_sample_the_distribution() -> None:
    policy = _policy()
    explore = policy.explorer(1, 20_000)
    actions = torch.from_numpy(explore(torch.ones(20_000, 4).numpy()))
    mean = torch.from_numpy(policy.player()(torch.ones(1, 4).numpy()))
    torch.testing.assert_close(actions.mean(0, keepdim=True), mean, atol=0.02, rtol=0)
    torch.testing.assert_close(actions.std(0), policy.log_std.detach().exp(), atol=0.02, rtol=0)
    normal = torch.distributions.Normal(mean, policy.log_std.detach().exp())
    torch.testing.assert_close(explore.log_probs()[:, 0], normal.log_prob(actions).sum(-1), atol=1e-4, rtol=1e-4)
