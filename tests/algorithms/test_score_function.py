from __future__ import annotations

import torch

from rsoup_lightning import algorithms
from tests.conftest import PointFineTuner


def test_rloo_gradient_is_unbiased_for_the_closed_form() -> None:
    """For r = -|a - g|² and a ~ N(θ, σ²), ∇θ E[r] = -2 (θ - g); the estimate's mean over many batches is that."""
    module = PointFineTuner()
    goal = torch.tensor([1.0, 0.0])
    total = torch.zeros(2)
    torch.manual_seed(0)
    for _ in range(400):
        rollout = module.environment.rollout(module.policy, 0, completions=8)
        reward = module.rewards["east"](rollout).unsqueeze(1)
        rollout = algorithms.RLOO(8).advantages(rollout, reward, module.policy, None)
        loss, _ = module.algorithm.loss(module.policy(rollout), rollout)
        module.policy.zero_grad()
        loss.backward()
        total += module.policy.place.grad
    torch.testing.assert_close(total / 400, 2 * (module.policy.place.detach() - goal), atol=0.05, rtol=0)
