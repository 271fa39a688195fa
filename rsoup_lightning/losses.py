"""Policy-gradient mathematics as pure functions: advantages, losses, divergences. No state, no modality.

Notation: B rows, T steps, K completions per prompt. ``mask [B, T]`` is true where a step counts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

EPSILON = 1e-8  # keeps divisions finite where the squares of a small spread underflow
ROUNDING = 16  # units in the last place by which equal values may differ, as a model's do by their place in a batch
DAMPING = 10  # steps


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Scalar mean of ``values [B, T]`` over the counted steps; 0 where none counts."""
    return torch.where(mask, values, 0).sum() / mask.sum().clamp(min=1)


def equal_but_for_rounding(values: Tensor) -> Tensor:
    """``[..., 1]`` bool, whether all of ``values [..., N]`` are the same to 16 units in the last place.

    Such values have no standard deviation to divide by: what is left of it is the rounding of their mean.

    >>> equal_but_for_rounding(torch.tensor([[0.7, 0.7, 0.7], [0.7, 0.7, 0.8]])).tolist()
    [[True], [False]]
    """
    spread = values.amax(-1, keepdim=True) - values.amin(-1, keepdim=True)
    return spread <= ROUNDING * torch.finfo(values.dtype).eps * values.abs().amax(-1, keepdim=True)


def whiten(values: Tensor, mask: Tensor) -> Tensor:
    """``values [B, T]`` with mean 0 and standard deviation 1 over the counted steps, 0 elsewhere.

    All 0 where the counted ones are equal but for rounding.
    """
    counted = values[mask]
    if not len(counted) or equal_but_for_rounding(counted):
        return torch.zeros_like(values)
    mean = masked_mean(values, mask)
    variance = masked_mean((values - mean).square(), mask)
    return torch.where(mask, (values - mean) / (variance.sqrt() + EPSILON), 0)


def per_step(reward: Tensor, terminated: Tensor) -> Tensor:
    """A reward per row ``[B]`` as one per step ``[B, T]``, paid at the row's last step; per-step ones unchanged."""
    if reward.dim() == 2:
        return reward
    return reward.unsqueeze(1) * terminated.to(reward.dtype)


def gae(
    rewards: Tensor,
    values: Tensor,
    terminated: Tensor,
    truncated: Tensor,
    *,
    discount: float,
    gae_lambda: float,
) -> Tensor:
    """Generalised advantage estimates ``[B, T]`` (Schulman et al. 2016, equation 16).

    A terminated step has no future; a truncated one keeps the value after it, but no later advantage flows back.

    Args:
        rewards: ``[B, T]``.
        values: ``[B, T + 1]`` value before each step, and after the last.
        terminated: ``[B, T]`` bool.
        truncated: ``[B, T]`` bool.
        discount: γ per step, in [0, 1].
        gae_lambda: λ of the estimator, in [0, 1]: 0 is one-step TD, 1 is Monte Carlo.
    """
    errors = rewards + discount * values[:, 1:] * ~terminated - values[:, :-1]
    carry = discount * gae_lambda * ~(terminated | truncated)
    advantages = torch.empty_like(errors)
    running = torch.zeros_like(errors[:, 0])
    for step in reversed(range(errors.shape[1])):
        running = torch.addcmul(errors[:, step], carry[:, step], running)
        advantages[:, step] = running
    return advantages


def rewards_to_go(rewards: Tensor, terminated: Tensor, truncated: Tensor, *, discount: float) -> Tensor:
    """Discounted sum ``[B, T]`` of the rewards from each step to the end of its episode (GAE without values)."""
    zeros = rewards.new_zeros(rewards.shape[0], rewards.shape[1] + 1)
    return gae(rewards, zeros, terminated, truncated, discount=discount, gae_lambda=1.0)


def ppo_loss(log_probs: Tensor, old_log_probs: Tensor, advantages: Tensor, mask: Tensor, *, clip: float) -> Tensor:
    """Clipped surrogate (Schulman et al. 2017, equation 7), negated, mean over the counted steps.

    Args:
        log_probs: ``[B, T]`` under the policy being updated.
        old_log_probs: ``[B, T]`` under the policy that sampled.
        advantages: ``[B, T]``.
        mask: ``[B, T]`` bool.
        clip: how far the likelihood ratio may pay off beyond 1.
    """
    ratio = (log_probs - old_log_probs).exp()
    surrogate = torch.minimum(ratio * advantages, ratio.clamp(1 - clip, 1 + clip) * advantages)
    return -masked_mean(surrogate, mask)


def clip_fraction(log_probs: Tensor, old_log_probs: Tensor, mask: Tensor, *, clip: float) -> Tensor:
    """Share of counted steps whose likelihood ratio left [1 - clip, 1 + clip]."""
    outside = ((log_probs - old_log_probs).exp() - 1).abs() > clip
    return masked_mean(outside.to(log_probs.dtype), mask)


def value_loss(
    values: Tensor, returns: Tensor, mask: Tensor, *, old_values: Tensor | None = None, clip: float | None = None
) -> Tensor:
    """Half the mean squared error of ``values [B, T]`` to ``returns [B, T]``.

    With ``clip``, the larger of the errors of the value and of the value kept within ``clip`` of ``old_values``
    (the PPO2 form).
    """
    error = (values - returns).square()
    if clip is not None and old_values is not None:
        near = old_values + (values - old_values).clamp(-clip, clip)
        error = torch.maximum(error, (near - returns).square())
    return 0.5 * masked_mean(error, mask)


def reinforce_loss(log_probs: Tensor, advantages: Tensor, mask: Tensor) -> Tensor:
    """-mean of advantage × log-probability over the counted steps (Williams 1992).

    Also the loss of RLOO and SCST, and of reward-weighted regression with weights for advantages.
    """
    return -masked_mean(log_probs * advantages, mask)


def leave_one_out_advantages(returns: Tensor, group: int) -> Tensor:
    """RLOO (Kool et al. 2019): each return minus the mean of the others of the same prompt.

    0 for a prompt whose returns are equal but for rounding, which an optimiser as Adam would blow up.

    Args:
        returns: ``[B]``, the K completions of a prompt next to each other.
        group: K, at least 2.
    """
    grouped = _grouped(returns, group)
    others = (grouped.sum(1, keepdim=True) - grouped) / (group - 1)
    return (grouped - others).masked_fill(equal_but_for_rounding(grouped), 0).reshape(-1)


def group_advantages(returns: Tensor, group: int) -> Tensor:
    """GRPO (Shao et al. 2024, section 4.1): each return standardised among the K of its prompt.

    The standard deviation is the unbiased one. 0 for a prompt whose returns are equal but for rounding.

    Args:
        returns: ``[B]``, the K completions of a prompt next to each other.
        group: K, at least 2.
    """
    grouped = _grouped(returns, group)
    standardised = (grouped - grouped.mean(1, keepdim=True)) / (grouped.std(1, keepdim=True) + EPSILON)
    return standardised.masked_fill(equal_but_for_rounding(grouped), 0).reshape(-1)


def self_critical_advantages(returns: Tensor, greedy_returns: Tensor) -> Tensor:
    """SCST (Rennie et al. 2017, equation 7): each sample's return minus the greedy decoding's, ``[B]`` each.

    ``greedy_returns`` may hold one entry per prompt, where ``returns`` holds K.
    """
    return returns - greedy_returns.repeat_interleave(returns.shape[0] // greedy_returns.shape[0])


def in_standard_deviations(returns: Tensor) -> Tensor:
    """``returns [B]`` over their unbiased standard deviation; all 0 where they are equal but for rounding."""
    if len(returns) < 2 or equal_but_for_rounding(returns):
        return torch.zeros_like(returns)
    return returns / (returns.std() + EPSILON)


def reward_weights(returns: Tensor, *, temperature: float) -> Tensor:
    """``[B]`` exp(return / temperature), scaled to mean 1 (Peters & Schaal 2007, equation 8).

    Args:
        returns: ``[B]``.
        temperature: in the return's unit; small prefers the best rows only.
    """
    return torch.softmax(returns / temperature, dim=0) * returns.shape[0]


def truncated_importance(log_probs: Tensor, sampled_log_probs: Tensor, *, most: float) -> Tensor:
    """``[B, T]`` min(π/μ, C), what steps count by that were sampled from μ and teach π (Ionides 2008, equation 5).

    Args:
        log_probs: ``[B, T]`` under the policy that learns, π.
        sampled_log_probs: ``[B, T]`` under what sampled, μ.
        most: C.
    """
    return (log_probs - sampled_log_probs).exp().clamp(max=most)


def kl_per_step(log_probs: Tensor, reference_log_probs: Tensor) -> Tensor:
    """``[B, T]`` single-sample estimate log π - log π_ref of the KL from the reference; unbiased, of any sign."""
    return log_probs - reference_log_probs


def adapt_kl_coefficient(coefficient: float, kl: float, *, target: float, horizon: float, completions: int) -> float:
    """The next coefficient of an adaptive KL penalty (Ziegler et al. 2019, section 2.2), in its logarithm.

    To first order their 1 + error; more completions than the horizon leave it above 0.

    Args:
        coefficient: β now.
        kl: measured divergence per row, in nats.
        target: wanted divergence per row, in nats.
        horizon: completions over which the coefficient may change by a factor of about e^0.2.
        completions: how many since the last change.
    """
    error = max(-0.2, min(0.2, kl / target - 1))
    return coefficient * math.exp(error * completions / horizon)


def adapt_multipliers(integrals: Tensor, missing: Tensor, rates: Tensor) -> tuple[Tensor, Tensor]:
    """The next integrals and Lagrange multipliers, ``[G]`` each, of G constraints (Stooke et al. 2020, algorithm 2).

    The integral alone is projected dual ascent, which swings around the optimum as the policy lags behind it. The
    multiplier adds what is missing now, as if for ``DAMPING`` steps more, which damps that, and is 0 at the optimum.

    Args:
        integrals: ``[G]`` of what was missing so far, at least 0.
        missing: ``[G]`` how far each constrained mean is below its limit, in standard deviations; negative above it.
        rates: ``[G]`` rise of an integral per standard deviation; more than one counts as one.
    """
    step = rates * missing.clamp(-1, 1)
    integrals = (integrals + step).clamp(min=0)
    return integrals, (integrals + DAMPING * step).clamp(min=0)


def lagrangian_weights(
    preference: Mapping[str, float | Tensor], multipliers: Mapping[str, float]
) -> dict[str, float | Tensor]:
    """Weights of the Lagrangian as a convex combination: (μ + m) / (1 + Σ m) for each reward.

    >>> lagrangian_weights({"a": 0.5, "b": 0.5}, {"b": 1.0})
    {'a': 0.25, 'b': 0.75}
    """
    whole = 1 + sum(multipliers.values())
    names = dict.fromkeys([*preference, *multipliers])
    return {name: (preference.get(name, 0.0) + multipliers.get(name, 0.0)) / whole for name in names}


def _grouped(returns: Tensor, group: int) -> Tensor:
    if group < 2 or returns.shape[0] % group:
        raise ValueError(f"{returns.shape[0]} returns cannot be split into groups of {group} (2 or more) completions")
    return returns.reshape(-1, group)
