from __future__ import annotations

from pathlib import Path

import pytest
import torch

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.kl_penalty import KLPenalty
from tests.conftest import PointFineTuner, quiet_trainer


def test_kl_penalty_holds_the_policy_at_its_reference() -> None:
    """For N(θ, σ²) the KL from the reference is |θ|²/2σ²; r - β KL then peaks at g / (1 + β / 2σ²)."""
    beta = 0.02
    module = PointFineTuner(preference={"east": 1.0}, kl=KLPenalty(beta))
    quiet_trainer(max_epochs=15).fit(module)
    expected = torch.tensor([1 / (1 + beta / (2 * 0.1**2)), 0.0])
    torch.testing.assert_close(module.policy.place.detach(), expected, atol=0.05, rtol=0)


def test_adaptive_kl_steers_to_its_target() -> None:
    """KL = |θ|²/2σ² and θ = g / (1 + β/2σ²): a KL of 2 nats is |θ| = 0.2, and needs β = 0.08."""
    module = PointFineTuner(preference={"east": 1.0}, kl=KLPenalty(0.03, target=2.0, horizon=1000))
    quiet_trainer(max_epochs=30).fit(module)
    divergence = module.policy.place.detach().square().sum().item() / (2 * 0.1**2)
    assert divergence == pytest.approx(2.0, rel=0.25)
    assert module.kl.beta.item() == pytest.approx(0.08, rel=0.1)


def test_the_reference_is_the_start_also_after_a_resume(tmp_path: Path) -> None:
    first = PointFineTuner(kl=KLPenalty(0.01))
    trainer = quiet_trainer(max_epochs=1)
    trainer.fit(first)
    trainer.save_checkpoint(tmp_path / "x.ckpt")
    second = PointFineTuner(kl=KLPenalty(0.01))
    quiet_trainer(max_epochs=2).fit(second, ckpt_path=tmp_path / "x.ckpt", weights_only=True)
    rollout = second.environment.rollout(second.policy, 0)
    expected = torch.distributions.Normal(torch.zeros(2), 0.1).log_prob(rollout["actions"]).sum(-1)
    torch.testing.assert_close(second.policy.reference_log_probs(rollout), expected)
    assert not any("reference" in name for name in second.state_dict())


@pytest.mark.parametrize(
    "arguments",
    [
        {"coefficient": -1.0},
        {"coefficient": float("nan")},
        {"coefficient": float("inf")},
        {"target": 0.0},
        {"coefficient": 0.1, "target": float("nan")},
        {"horizon": 0.0},
        {"target": 6.0},
    ],
)
def test_impossible_penalties(arguments: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        KLPenalty(**arguments)


def test_trainings_that_are_given_the_same_penalty_have_a_coefficient_each() -> None:
    penalty = KLPenalty(0.1, target=1.0)
    first, second = (PointFineTuner(kl=penalty) for _ in range(2))
    first.kl.beta.fill_(5.0)
    assert second.kl.beta.item() == penalty.beta.item() == pytest.approx(0.1)
