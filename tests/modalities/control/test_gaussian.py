from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from rsoup_lightning.errors import CoefficientError
from rsoup_lightning.modalities.control import GaussianMLP
from rsoup_lightning.rollout import Rollout


def _policy(seed: int = 0) -> GaussianMLP:
    torch.manual_seed(seed)
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


def _experts() -> list[dict[str, Tensor]]:
    """Two whose standard deviations differ too."""
    experts = [dict(_policy(seed).weights()) for seed in (0, 1)]
    experts[1]["log_std"] = torch.tensor([-1.5, -0.2])
    return experts


@pytest.mark.parametrize("point", [(0.3, 0.7), (0.5, 0.5), (1.2, -0.2)])
def test_ensembles_act_where_the_product_of_densities_is_highest(point: tuple[float, float]) -> None:
    policy, observations = _policy(2), torch.randn(6, 4)
    ensembles = policy.ensembles(_experts())
    assert ensembles is not None
    actions = torch.from_numpy(ensembles([point]).player()(observations.numpy())).requires_grad_()
    total = torch.zeros(6)
    for share, expert in zip(point, _experts(), strict=True):
        policy.load_weights(expert)
        outputs = policy.actor(policy.normalise(observations)).detach()
        total = total + share * policy.density(outputs, actions)[0]
    (slope,) = torch.autograd.grad(total.sum(), actions)
    torch.testing.assert_close(slope, torch.zeros_like(slope), atol=1e-3, rtol=0)


def test_one_hot_ensembles_are_their_experts_to_the_bit() -> None:
    policy, observations = _policy(2), torch.randn(6, 4).numpy()
    ensembles = policy.ensembles(_experts())
    assert ensembles is not None
    stacked = ensembles([(0.0, 1.0), (0.5, 0.5), (1.0, 0.0)])
    assert stacked.members == 3
    first, mixed, last = np.split(stacked.player()(np.tile(observations, (3, 1))), 3)
    for actions, expert in ((last, _experts()[0]), (first, _experts()[1])):
        policy.load_weights(expert)
        assert np.array_equal(actions, policy.player()(observations))
        assert not np.allclose(actions, mixed)


def test_a_pool_whose_density_has_no_highest_point() -> None:
    ensembles = _policy().ensembles(_experts())
    assert ensembles is not None and _policy().ensembles(_experts(), drawn=True) is None
    with pytest.raises(CoefficientError, match="no most likely action"):
        ensembles([(3.0, -2.0)])
