"""The abstract reward, and how several become the one number a training maximises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor

from rsoup_lightning.errors import RewardError, UnknownNameError
from rsoup_lightning.rollout import Rollout, last_counted


class Reward(ABC):
    """Scores rollouts. Stateless: the same rollout always has the same reward. Larger is better."""

    guard: bool = False
    """Whether it is only watched, for what maximising the others breaks: no default preference includes it."""

    @abstractmethod
    def __call__(self, rollout: Rollout) -> Tensor:
        """The reward per row ``[B]``, or per step ``[B, T]`` where credit is known step by step."""

    def inputs(self, rollout: Rollout) -> list[str] | None:
        """What it reads of each row, as text for people to audit; None where it reads no text. Default so."""
        return None


def score(rewards: Mapping[str, Reward], rollout: Rollout, *, moment: str) -> dict[str, Tensor]:
    """Every reward of a rollout, checked: ``{name: [B] or [B, T]}``, zero where a step does not count.

    Args:
        rewards: name to reward.
        rollout: what to score.
        moment: when this is, for the error: "training step 17".

    Raises:
        RewardError: wrong shape, or a value that is NaN or infinite; names the reward, the step and the completion.
    """
    scores = {}
    for name, reward in rewards.items():
        values = reward(rollout)
        values = values.to(torch.promote_types(values.dtype, torch.float32))  # counts, and bfloat16
        if values.shape not in (rollout.mask.shape, rollout.mask.shape[:1]):
            raise RewardError(
                f"reward {name!r} returned shape {tuple(values.shape)}: "
                f"expected one per row [{len(rollout)}] or one per step {list(rollout.mask.shape)}"
            )
        if values.dim() == 2:
            values = torch.where(rollout.mask, values, 0)
        bad = (~values.isfinite()).nonzero()
        if len(bad):
            row = int(bad[0, 0])
            where = f", its step {int(bad[0, 1])}" if values.dim() == 2 else ""
            value, completion = values[tuple(bad[0])].item(), _identify(rollout, row)
            raise RewardError(
                f"reward {name!r} is {value} at {moment}, completion {completion}{where}: "
                f"nothing was updated with it, and what was saved before is intact"
            )
        scores[name] = values
    return scores


def objectives(rewards: Mapping[str, Reward]) -> list[str]:
    """The names of those that are not mere guards."""
    return [name for name, reward in rewards.items() if not reward.guard]


def check_normalisation(
    statistics: Mapping[str, tuple[float, float]], rewards: Mapping[str, Reward]
) -> dict[str, tuple[float, float]]:
    """``statistics`` as they are, if they are means and positive standard deviations of known rewards.

    Raises:
        UnknownNameError: a reward that is not there.
        RewardError: a standard deviation that is not positive: a reward without spread has no scale.
    """
    for name, (mean, spread) in statistics.items():
        if name not in rewards:
            raise UnknownNameError("reward", name, rewards)
        if not (spread > 0 and mean == mean):
            raise RewardError(
                f"the normalisation of {name!r} is {mean}, {spread}: a standard deviation must be positive"
            )
    return dict(statistics)


def standardise(scores: Mapping[str, Tensor], statistics: Mapping[str, tuple[float, float]]) -> dict[str, Tensor]:
    """``{name: [B] or [B, T]}`` less their mean, over their standard deviation, for the names in ``statistics``.

    Rewards per step are divided only: their mean is that of a whole row.
    """

    def scaled(values: Tensor, mean: float, spread: float) -> Tensor:
        return (values - mean) / spread if values.dim() == 1 else values / spread

    return {
        name: scaled(values, *statistics[name]) if name in statistics else values for name, values in scores.items()
    }


def _identify(rollout: Rollout, row: int) -> str:
    """A row's number, and the identifier of its prompt or seed where it has one."""
    return f"{row} (id {int(rollout['id'][row])})" if "id" in rollout else str(row)


def scalarise(scores: Mapping[str, Tensor], preference: Mapping[str, float | Tensor], mask: Tensor) -> Tensor:
    """The μ-weighted sum of rewards (equation 1 of Ramé et al. 2023), ``[B]`` or ``[B, T]`` if any is per step.

    Args:
        scores: ``{name: [B] or [B, T]}``; a per-row reward among per-step ones is paid at the last counted step.
        preference: μ per reward, one number or one for each row ``[B]``; rewards whose number is zero are left out, so
            that they cannot disturb.
        mask: ``[B, T]`` bool.
    """
    weighted = {
        name: (weight.unsqueeze(1) if isinstance(weight, Tensor) and scores[name].dim() == 2 else weight) * scores[name]
        for name, weight in preference.items()
        if isinstance(weight, Tensor) or weight
    }
    if not any(values.dim() == 2 for values in weighted.values()):
        return torch.stack(list(weighted.values())).sum(0)
    last = last_counted(mask)
    return torch.stack([v if v.dim() == 2 else v.unsqueeze(1) * last for v in weighted.values()]).sum(0)


def per_row(values: Tensor) -> Tensor:
    """``[B]`` the reward of each row: its sum over steps where it was given per step.

    Summed in float64, so that zeros after a row's last step, as many as its batch is long, do not move its rounding.
    """
    return values if values.dim() == 1 else values.sum(1, dtype=torch.float64).to(values.dtype)
