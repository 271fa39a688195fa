"""``KLPenalty``: how far a policy may move from its reference, and how that limit adapts."""

from __future__ import annotations

from math import inf

import torch
from torch import Tensor, nn

from rsoup_lightning import losses
from rsoup_lightning.errors import ConfigError
from rsoup_lightning.policy import Policy
from rsoup_lightning.processes import of_all
from rsoup_lightning.rollout import Rollout


class KLPenalty(nn.Module):
    """How far the policy may move from the reference: reward less β × KL per step.

    Args:
        coefficient: β at the start, in reward per nat.
        target: wanted KL per row in nats; β then adapts (Ziegler et al. 2019). Null: β is fixed.
        horizon: rows over which an adaptive β may change by a factor of about e^0.2.
    """

    beta: Tensor
    """β now."""

    def __init__(self, coefficient: float = 0.0, target: float | None = None, horizon: float = 10_000.0) -> None:
        super().__init__()
        if not (0 <= coefficient < inf and 0 < horizon < inf and (target is None or 0 < target < inf)):
            raise ConfigError(
                "a KL penalty needs coefficient >= 0, target > 0 and horizon > 0, all finite: got "
                f"{coefficient}, {target} and {horizon}"
            )
        if target is not None and not coefficient:
            raise ConfigError(f"a KL target of {target} moves no coefficient of 0: give one to begin at, such as 0.05")
        self.coefficient = coefficient
        self.target = target
        self.horizon = horizon
        self.register_buffer("beta", torch.tensor(float(coefficient)))

    def reset(self) -> None:
        """Turn to another training."""
        self.beta.fill_(self.coefficient)

    def measured(self, policy: Policy, rollout: Rollout) -> Tensor | None:
        """``[B, T]`` divergence from the reference at each counted step, or None where there is no penalty."""
        if not self.coefficient:
            return None
        return losses.kl_per_step(rollout.log_probs, policy.reference_log_probs(rollout)) * rollout.mask

    def adapt(self, kl: Tensor) -> dict[str, Tensor]:
        """Move an adaptive β towards its target after a rollout of every process; returns what to log.

        Args:
            kl: ``[B, T]`` as measured.
        """
        rows = of_all(kl.sum(1))
        mean = rows.mean()
        if self.target is None:
            return {"kl": mean}
        settings = {"target": self.target, "horizon": self.horizon}
        beta = losses.adapt_kl_coefficient(self.beta.item(), mean.item(), completions=len(rows), **settings)
        self.beta.fill_(beta)
        return {"kl": mean, "kl_coefficient": self.beta}
