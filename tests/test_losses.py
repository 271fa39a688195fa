"""Each loss against its formula written out with plain loops, or against torch.distributions."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch

from rsoup_lightning import losses

B, T = 5, 7


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def _mask() -> torch.Tensor:
    return torch.arange(T) < torch.tensor([7, 3, 1, 5, 6]).unsqueeze(1)


def test_gae_against_the_sum_of_discounted_errors() -> None:
    rewards, values = torch.randn(B, T), torch.randn(B, T + 1)
    terminated, truncated = torch.rand(B, T) < 0.2, torch.rand(B, T) < 0.2
    gamma, lam = 0.9, 0.7
    got = losses.gae(rewards, values, terminated, truncated, discount=gamma, gae_lambda=lam)
    for row in range(B):
        for start in range(T):
            total, factor = 0.0, 1.0
            for step in range(start, T):
                future = 0.0 if terminated[row, step] else gamma * values[row, step + 1].item()
                total += factor * (rewards[row, step].item() + future - values[row, step].item())
                if terminated[row, step] or truncated[row, step]:
                    break
                factor *= gamma * lam
            assert got[row, start].item() == pytest.approx(total, abs=1e-5)


def test_gae_limits() -> None:
    rewards, values = torch.randn(B, T), torch.randn(B, T + 1)
    never = torch.zeros(B, T, dtype=torch.bool)
    last = never.clone()
    last[:, -1] = True
    monte_carlo = losses.gae(rewards, values, last, never, discount=1.0, gae_lambda=1.0)
    torch.testing.assert_close(monte_carlo + values[:, :-1], rewards.flip(1).cumsum(1).flip(1))
    one_step = losses.gae(rewards, values, never, never, discount=0.9, gae_lambda=0.0)
    torch.testing.assert_close(one_step, rewards + 0.9 * values[:, 1:] - values[:, :-1])


def test_rewards_to_go() -> None:
    rewards = torch.tensor([[1.0, 2.0, 4.0]])
    ends = torch.tensor([[False, False, True]])
    got = losses.rewards_to_go(rewards, ends, torch.zeros_like(ends), discount=0.5)
    assert got.tolist() == [[3.0, 4.0, 4.0]]


def test_ppo_loss_case_by_case() -> None:
    old = torch.randn(B, T)
    new, advantages, mask = old + 0.5 * torch.randn(B, T), torch.randn(B, T), _mask()
    total = count = 0.0
    for row in range(B):
        for step in range(T):
            if mask[row, step]:
                ratio = math.exp(new[row, step] - old[row, step])
                clipped = min(max(ratio, 0.8), 1.2)
                total += min(ratio * advantages[row, step].item(), clipped * advantages[row, step].item())
                count += 1
    assert losses.ppo_loss(new, old, advantages, mask, clip=0.2).item() == pytest.approx(-total / count, abs=1e-5)


def test_ppo_gradient_at_the_sampling_policy_is_reinforce() -> None:
    old, advantages, mask = torch.randn(B, T), torch.randn(B, T), _mask()
    p = old.clone().requires_grad_()
    q = old.clone().requires_grad_()
    losses.ppo_loss(p, old, advantages, mask, clip=0.2).backward()
    losses.reinforce_loss(q, advantages, mask).backward()
    torch.testing.assert_close(p.grad, q.grad)


def test_ppo_pays_nothing_beyond_the_clip() -> None:
    old, mask = torch.zeros(1, 1), torch.ones(1, 1, dtype=torch.bool)
    new = torch.full((1, 1), 1.0, requires_grad=True)
    losses.ppo_loss(new, old, torch.ones(1, 1), mask, clip=0.2).backward()
    assert new.grad is not None
    assert new.grad.item() == 0


def test_value_loss_and_its_clip() -> None:
    values, returns, mask = torch.tensor([[3.0]]), torch.tensor([[1.0]]), torch.ones(1, 1, dtype=torch.bool)
    assert losses.value_loss(values, returns, mask).item() == 2.0
    clipped = losses.value_loss(values, returns, mask, old_values=torch.tensor([[6.0]]), clip=0.5)
    assert clipped.item() == pytest.approx(0.5 * 4.5**2)


def test_leave_one_out_is_the_mean_of_the_others() -> None:
    returns = torch.tensor([1.0, 2.0, 6.0, 0.0, 0.0, 3.0])
    assert losses.leave_one_out_advantages(returns, 3).tolist() == [-3.0, -1.5, 4.5, -1.5, -1.5, 3.0]


def test_group_advantages_are_standardised() -> None:
    got = losses.group_advantages(torch.randn(12), 4).view(3, 4)
    torch.testing.assert_close(got.mean(1), torch.zeros(3), atol=1e-6, rtol=0)
    torch.testing.assert_close(got.std(1), torch.ones(3))
    assert losses.group_advantages(torch.ones(4), 4).tolist() == [0.0] * 4


CONSTANTS = [0.1, 0.3, 0.7, 1 / 3, -2.3, 33.3, 1234.5]


@pytest.mark.parametrize("advantages", [losses.leave_one_out_advantages, losses.group_advantages])
@pytest.mark.parametrize("group", [2, 3, 7, 15, 16])
def test_equal_rewards_have_no_advantage(advantages: Callable[[torch.Tensor, int], torch.Tensor], group: int) -> None:
    for constant in CONSTANTS:
        equal = torch.full((group,), constant)
        assert advantages(equal, group).tolist() == [0.0] * group
        # A scorer's rounding follows a text's place in its batch: such rewards are equal, too.
        rounded = torch.nextafter(equal, torch.tensor([torch.inf, -torch.inf]).repeat(group)[:group])
        assert advantages(rounded, group).tolist() == [0.0] * group
        mixed = torch.cat([equal, constant * (1 + 0.01 * torch.arange(group))])
        assert advantages(mixed, group)[:group].tolist() == [0.0] * group
        assert advantages(mixed, group)[group:].abs().max() > 0


def test_equal_values_whiten_to_zero_and_weigh_the_same() -> None:
    for constant in [*CONSTANTS, 0.0]:
        for rows in (1, 3, 7, 15):
            equal = torch.full((rows, 1), constant)
            assert losses.whiten(equal, torch.ones(rows, 1, dtype=torch.bool)).tolist() == [[0.0]] * rows
            scaled = losses.in_standard_deviations(equal.squeeze(1))
            assert losses.reward_weights(scaled, temperature=0.1).tolist() == [1.0] * rows
    nothing = torch.zeros(2, 3, dtype=torch.bool)
    assert losses.whiten(torch.randn(2, 3), nothing).tolist() == [[0.0] * 3] * 2


def test_standard_deviations_are_counted() -> None:
    returns = torch.randn(9) * 3
    torch.testing.assert_close(losses.in_standard_deviations(returns), returns / returns.std())


@pytest.mark.parametrize("group", [1, 5])
def test_groups_that_do_not_divide(group: int) -> None:
    with pytest.raises(ValueError, match="groups"):
        losses.leave_one_out_advantages(torch.ones(12), group)


def test_self_critical() -> None:
    got = losses.self_critical_advantages(torch.tensor([1.0, 2.0, 3.0, 4.0]), torch.tensor([1.0, 5.0]))
    assert got.tolist() == [0.0, 1.0, -2.0, -1.0]


def test_reward_weights_have_mean_one_and_the_right_ratio() -> None:
    weights = losses.reward_weights(torch.tensor([0.0, 1.0, 3.0]), temperature=2.0)
    assert weights.mean().item() == pytest.approx(1)
    assert (weights[2] / weights[0]).item() == pytest.approx(math.exp(1.5), rel=1e-5)


def test_kl_estimate_is_unbiased() -> None:
    """Its mean over samples is torch's closed form."""
    p, q = torch.distributions.Normal(0.3, 1.0), torch.distributions.Normal(0.0, 1.2)
    sample = p.sample((400_000, 1))
    truth = torch.distributions.kl_divergence(p, q).item()
    assert losses.kl_per_step(p.log_prob(sample), q.log_prob(sample)).mean().item() == pytest.approx(truth, abs=2e-3)


def test_kl_coefficient_follows_the_target() -> None:
    arguments = {"target": 6.0, "horizon": 100.0, "completions": 10}
    assert losses.adapt_kl_coefficient(0.2, 6.0, **arguments) == pytest.approx(0.2)
    assert losses.adapt_kl_coefficient(0.2, 60.0, **arguments) == pytest.approx(0.2 * 1.02, rel=1e-3)
    assert losses.adapt_kl_coefficient(0.2, 0.0, **arguments) == pytest.approx(0.2 * 0.98, rel=1e-3)
    over_horizon = [losses.adapt_kl_coefficient(0.2, kl, **{**arguments, "completions": 100}) for kl in (60.0, 0.0)]
    assert over_horizon == pytest.approx([0.2 * math.exp(0.2), 0.2 * math.exp(-0.2)])
    assert 0 < losses.adapt_kl_coefficient(0.2, 0.0, **{**arguments, "completions": 1000}) < 0.05


def test_whiten_and_masked_mean_ignore_what_does_not_count() -> None:
    values, mask = torch.randn(B, T), _mask()
    spoiled = torch.where(mask, values, torch.tensor(float("nan")))
    counted = values[mask]
    assert losses.masked_mean(spoiled, mask).item() == pytest.approx(counted.mean().item(), abs=1e-6)
    white = losses.whiten(torch.where(mask, values, 1e6), mask)
    assert white[mask].mean().item() == pytest.approx(0, abs=1e-5)
    assert white[mask].std(unbiased=False).item() == pytest.approx(1, abs=1e-5)
    assert (white[~mask] == 0).all()


def test_truncated_importance() -> None:
    own, sampled = torch.tensor([[0.5, 0.2, 0.9]]).log(), torch.tensor([[0.25, 0.8, 0.1]]).log()
    weights = losses.truncated_importance(own, sampled, most=3.0)
    assert torch.allclose(weights, torch.tensor([[2.0, 0.25, 3.0]]))  # 9 is cut
