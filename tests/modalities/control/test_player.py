from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from rsoup_lightning.errors import CoefficientError
from rsoup_lightning.modalities.control import GaussianMLP


def _policy(seed: int = 0) -> GaussianMLP:
    torch.manual_seed(seed)
    policy = GaussianMLP(4, 2, hidden=(8, 8), log_std=-1.0)
    torch.nn.init.normal_(policy.actor[-1].weight)
    return policy


@pytest.mark.parametrize("sizes", [(17, 64, 64, 6), (4, 8, 8, 2), (11, 32, 3)])
def test_an_action_is_the_same_to_the_last_bit_whatever_is_played_beside_it(sizes: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    inputs, *hidden, outputs = sizes
    player = GaussianMLP(inputs, outputs, hidden=hidden).player()
    observations = torch.randn(50, inputs).numpy()
    together = player(observations)
    for size in (1, 3, 7, 16):
        apart = np.concatenate([player(observations[start : start + size]) for start in range(0, 50, size)])
        assert np.array_equal(apart, together)
    assert np.array_equal(player(observations[::-1]), together[::-1])


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
