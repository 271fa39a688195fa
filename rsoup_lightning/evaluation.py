"""Scoring policies on the evaluation batches: one pass, however many policies play in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from rsoup_lightning.environment import Environment, Sample
from rsoup_lightning.metrics import SampleScores
from rsoup_lightning.policy import Policy
from rsoup_lightning.rewards import Reward, per_row, score


@dataclass(frozen=True)
class Scores:
    """What one policy scored.

    Attributes:
        rewards: ``{name: [S]}`` per sample, in the order of the evaluation entries.
        samples: the first few things it produced.
        steps: how many steps (simulator steps, tokens) the evaluation took.
    """

    rewards: dict[str, Tensor]
    samples: list[Sample]
    steps: int


def score_batch(
    environment: Environment, rewards: Mapping[str, Reward], policy: Policy, batch: Any, *, show: int = 0
) -> tuple[Tensor, dict[str, Tensor], Tensor, list[Sample]]:
    """Play one evaluation batch.

    Args:
        show: how many samples of each member to keep for people to look at.

    Returns:
        ``ids [M, B]``, ``{reward: [M, B]}`` and the number of steps ``[M]`` for the M members of the policy, and
        ``M * show`` samples, member after member.
    """
    rollout = environment.evaluate(policy, batch)
    members = policy.members
    checked = score(rewards, rollout, moment="evaluation")
    scores = {name: per_row(values).view(members, -1) for name, values in checked.items()}
    rows = len(rollout) // members
    shown = torch.arange(min(show, rows)).repeat(members, 1) + rows * torch.arange(members).unsqueeze(1)
    picked = rollout.rows(shown.reshape(-1).to(rollout.mask.device)) if show else None
    samples = environment.samples(picked, len(picked)) if picked else []
    return rollout["id"].view(members, -1), scores, rollout.mask.view(members, -1).sum(1), samples


def evaluate(
    environment: Environment,
    rewards: Mapping[str, Reward],
    policy: Policy,
    batches: Iterable[Any],
    *,
    show: int = 0,
) -> list[Scores]:
    """Score every member of ``policy`` on all ``batches`` (the process's share of them under DDP).

    Returns:
        One :class:`Scores` per member, complete on every process. Samples come from the first batch.
    """
    members = policy.members
    metrics = [{name: SampleScores() for name in rewards} for _ in range(members)]
    samples: list[Sample] = []
    steps = torch.zeros(members, dtype=torch.long)
    for batch in batches:
        ids, scores, taken, seen = score_batch(environment, rewards, policy, batch, show=0 if samples else show)
        samples = samples or seen
        steps += taken.cpu()
        for member, metric in enumerate(metrics):
            for name in rewards:
                metric[name].update(ids[member], scores[name][member])
    each = len(samples) // members
    return [
        Scores(
            {name: metric[name].gathered() for name in rewards},
            samples[member * each : (member + 1) * each],
            int(steps[member]),
        )
        for member, metric in enumerate(metrics)
    ]
