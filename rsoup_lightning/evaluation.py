"""Scoring policies on the evaluation batches: one pass, however many policies play in it."""

from __future__ import annotations

import logging
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count, islice
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rsoup_lightning.environment import Environment, Reading, Shown
from rsoup_lightning.errors import ConfigError, RewardError
from rsoup_lightning.front.metrics import CompletionScores
from rsoup_lightning.losses import equal_but_for_rounding
from rsoup_lightning.own_metrics import OwnMetric, OwnScores
from rsoup_lightning.policy import Policy
from rsoup_lightning.rewards import Reward, per_row, score
from rsoup_lightning.rollout import Rollout

AUDITED = 3  # rows
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Scores:
    """What one policy scored.

    Attributes:
        ids: ``[S]`` of the evaluation entries, in order.
        rewards: ``{name: [S]}`` per completion, in that order.
        shown: the first few things it produced.
        steps: how many steps (simulator steps, tokens) the evaluation took.
        metrics: ``{name: [S] or [1]}`` of the user's own metrics.
    """

    ids: Tensor
    rewards: dict[str, Tensor]
    shown: list[Shown]
    steps: int
    metrics: dict[str, Tensor] = field(default_factory=dict)

    @property
    def values(self) -> dict[str, Tensor]:
        """Of rewards and metrics."""
        return {**self.rewards, **self.metrics}


def score_batch(
    environment: Environment,
    rewards: Mapping[str, Reward],
    policy: Policy,
    batch: Any,
    *,
    show: int = 0,
    own: Sequence[Sequence[OwnScores]] = (),
) -> tuple[Tensor, dict[str, Tensor], Tensor, list[Shown]]:
    """Play one evaluation batch.

    Args:
        show: how many completions of each member to keep for people to look at.
        own: of each member, the user's own metrics, which are updated.

    Returns:
        ``ids [M, B]``, ``{reward: [M, B]}`` and the number of steps ``[M]`` for the M members of the policy, and
        ``M * show`` of the completions, member after member, each with what every reward read of it and gave.

    Raises:
        RewardError: a reward's values cannot be used, or it tells of more or fewer texts than rows.
        ConfigError: the environment shows more or fewer things than rows.
    """
    rollout = environment.evaluate(policy, batch)
    members = policy.members
    checked = score(rewards, rollout, moment="evaluation")
    scores = {name: per_row(values).view(members, -1) for name, values in checked.items()}
    rows = len(rollout) // members
    if any(own):
        _update(own, rollout, environment.outputs(rollout))
    first = torch.arange(min(show, rows)).repeat(members, 1) + rows * torch.arange(members).unsqueeze(1)
    index = first.reshape(-1).to(rollout.mask.device)
    picked = rollout.rows(index) if show else None
    shown = environment.shown(picked, len(picked)) if picked else []
    if picked and shown:
        if len(shown) != len(picked):
            culprit = f"{type(environment).__name__}.shown()"
            raise ConfigError(f"{culprit} gave {len(shown)} for {len(picked)} rows: give one per row, or none")
        given = {name: values.reshape(-1)[index.to(values.device)].tolist() for name, values in scores.items()}
        readings = _readings(rewards, picked, given)
        shown = [replace(each, read=read) for each, read in zip(shown, readings, strict=True)]
    return rollout["id"].view(members, -1), scores, rollout.mask.reshape(members, -1).sum(1), shown


def _update(own: Sequence[Sequence[OwnScores]], rollout: Rollout, outputs: Sequence[Any]) -> None:
    """Let each member's metrics see its own group of rows."""
    rows = len(rollout) // len(own)
    prompts = list(rollout.texts.get("prompt", map(str, rollout["id"].tolist())))
    for member, metrics in enumerate(own):
        place = slice(member * rows, (member + 1) * rows)
        for metric in metrics:
            metric.update(rollout["id"][place], prompts[place], list(outputs[place]))


def _readings(
    rewards: Mapping[str, Reward], rollout: Rollout, given: Mapping[str, list[float]]
) -> list[dict[str, Reading]]:
    """Per row, what each reward reads of it, with the score ``given`` to it already."""
    rows: list[dict[str, Reading]] = [{} for _ in range(len(rollout))]
    for name, reward in rewards.items():
        texts: Sequence[str | None] | None = reward.inputs(rollout)
        if texts is None:
            texts = [None] * len(rollout)
        if len(texts) != len(rollout):
            raise RewardError(f"inputs() of reward {name!r} gave {len(texts)} texts for {len(rollout)} rows")
        for row, text, value in zip(rows, texts, given[name], strict=True):
            row[name] = Reading(text, value)
    return rows


def audit(rewards: Mapping[str, Reward], rollout: Rollout, scores: Mapping[str, Tensor]) -> None:
    """Log what each reward read of the first few rows, and gave: the place to see that it reads the right thing.

    Texts are whole, and quoted so that each stays on its line; nothing is logged of rewards that read none.

    Args:
        rewards: name to reward.
        rollout: B rows.
        scores: ``{name: [B] or [B, T]}``.
    """
    first = torch.arange(min(AUDITED, len(rollout)), device=rollout.mask.device)
    given = {name: per_row(values)[first].tolist() for name, values in scores.items()}
    lines = [
        f"row {index}: {name} {reading.score:.3g} for {reading.text!r}"
        for index, row in enumerate(_readings(rewards, rollout.rows(first), given))
        for name, reading in row.items()
        if reading.text is not None
    ]
    for line in ["what rewards read in the first rollout, and gave:", *lines] if lines else []:
        logger.info("%s", line)


def evaluate(
    environment: Environment,
    rewards: Mapping[str, Reward],
    policy: Policy,
    batches: Iterable[Any],
    *,
    show: int = 0,
    metrics: Mapping[str, OwnMetric] | None = None,
) -> list[Scores]:
    """Score every member of ``policy`` on all ``batches`` (the process's share of them under DDP).

    Args:
        environment: plays it.
        rewards: name to reward.
        policy: of one or several members.
        batches: evaluation batches.
        show: how many completions of each member to keep for people to look at.
        metrics: the user's own, by name.

    Returns:
        One :class:`Scores` per member, complete on every process. What is shown comes from the first batches.
    """
    members = policy.members
    scored = [{name: CompletionScores() for name in rewards} for _ in range(members)]
    own = [{name: OwnScores(name, metric) for name, metric in (metrics or {}).items()} for _ in range(members)]
    listed = [list(member.values()) for member in own]
    shown: list[list[Shown]] = [[] for _ in range(members)]
    steps = torch.zeros(members, dtype=torch.long)
    for batch in batches:
        ids, scores, taken, seen = score_batch(
            environment, rewards, policy, batch, show=show - len(shown[0]), own=listed
        )
        steps += taken.cpu()
        each = len(seen) // members
        for member, metric in enumerate(scored):
            shown[member] += seen[member * each : (member + 1) * each]
            for name in rewards:
                metric[name].update(ids[member], scores[name][member])
    return [
        Scores(
            next(iter(scored[member].values())).entries(),
            {name: metric.gathered() for name, metric in scored[member].items()},
            shown[member],
            int(steps[member]),
            {name: metric.gathered() for name, metric in own[member].items()},
        )
        for member in range(members)
    ]


def reward_statistics(
    environment: Environment,
    rewards: Mapping[str, Reward],
    policy: Policy,
    *,
    rollouts: int,
    completions: int,
    seed: int,
    constant: Container[str] = (),
) -> dict[str, tuple[float, float]]:
    """Mean and standard deviation of rewards over training rollouts of ``policy``.

    Args:
        environment: plays them.
        rewards: what to measure.
        policy: whose.
        rollouts: how many, of one epoch after another.
        completions: per prompt.
        seed: of the prompts and the sampling.
        constant: rewards that may be the same for all rollouts; they keep their unit, as if it were their spread.

    Raises:
        RewardError: another reward that is the same for all of them, and so has no scale.
    """
    torch.manual_seed(seed)
    played: list[dict[str, Tensor]] = []
    for batch in islice(_epochs(environment, seed), rollouts):
        rollout = environment.rollout(policy, batch, completions=completions)
        played.append(score(rewards, rollout, moment="the measurement of init's rewards"))
    statistics = {}
    for name in rewards:
        values = torch.cat([per_row(scores[name]) for scores in played])
        alike = bool(equal_but_for_rounding(values))
        if alike and name not in constant:
            raise RewardError(
                f"reward {name!r} is {values[0]:.4g} for all of init's {len(values)} completions: no scale"
            )
        statistics[name] = (values.double().mean().item(), 1.0 if alike else values.double().std().item())
    return statistics


def _epochs(environment: Environment, seed: int) -> Iterator[Any]:
    """Training batches of one epoch after another, the first of which begins at ``seed``."""
    for epoch in count():
        environment.begin(int(np.random.SeedSequence([seed, epoch]).generate_state(1)[0]) if epoch else seed)
        yield from environment.train_batches()
