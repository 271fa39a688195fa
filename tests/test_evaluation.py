from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from rsoup_lightning.environment import Reading, Sample
from rsoup_lightning.errors import ConfigError, RewardError
from rsoup_lightning.evaluation import audit_lines, evaluate, score_batch
from rsoup_lightning.modalities.language.texts import Exchange, TextReward
from rsoup_lightning.policy import Policy
from rsoup_lightning.rewards import Reward
from rsoup_lightning.rollout import Rollout
from tests.conftest import Near, Plane, PointFineTuner, PointPolicy


def test_scores_are_per_sample_and_complete(point: PointFineTuner) -> None:
    (scores,) = evaluate(point.environment, point.rewards, point.policy, point.environment.eval_batches())
    rollout = point.environment.evaluate(point.policy, torch.arange(12))
    torch.testing.assert_close(scores.rewards["north"], point.rewards["north"](rollout).detach())
    assert scores.steps == 12
    assert scores.samples == []


class Towns(Plane):
    """The plane, told in words: each member of the policy answers with the place it went to."""

    def evaluate(self, policy: Policy, batch: Tensor) -> Rollout:
        rollout = super().evaluate(policy, batch.repeat(policy.members))
        member = torch.arange(policy.members).repeat_interleave(len(batch)).tolist()
        questions = [f"Where is {int(number)}?" for number in rollout["id"]]
        answers = [
            f"{who} says {number * 10 + who}" for who, number in zip(member, rollout["id"].tolist(), strict=True)
        ]
        rollout.texts.update(question=questions, answer=answers, reference=[""] * len(questions))
        return rollout

    def samples(self, rollout: Rollout, count: int) -> list[Sample]:
        texts = rollout.texts
        return [Sample(*row) for row in zip(texts["question"][:count], texts["answer"][:count], strict=True)]


class Pair(PointPolicy):
    """Two policies that play as one."""

    members = 2


class Last(TextReward):
    """The last number of an answer."""

    def rate(self, exchanges: Any) -> list[float]:
        return [float(exchange.answer.split()[-1]) for exchange in exchanges]


def test_samples_tell_what_rewards_read_and_gave() -> None:
    rewards = {"last": Last("Q: {question}\nA: {answer}"), "north": Near(0, 1)}
    policy, batch = Pair(), torch.tensor([3, 5, 7])
    _, scores, _, samples = score_batch(Towns(), rewards, policy, batch, show=2)
    assert [(sample.title, sample.text) for sample in samples] == [
        (f"Where is {number}?", f"{who} says {number * 10 + who}") for who in (0, 1) for number in (3, 5)
    ]
    for index, sample in enumerate(samples):
        member, row = divmod(index, 2)
        exchange = Exchange(sample.title, sample.text)
        (rated,) = rewards["last"].rate([exchange])  # type: ignore[attr-defined]
        assert sample.read == {
            "last": Reading(f"Q: {sample.title}\nA: {sample.text}", rated),
            "north": Reading(None, float(scores["north"][member, row])),
        }


def test_nothing_is_asked_of_rewards_where_nothing_is_shown() -> None:
    class Secret(Near):
        def inputs(self, rollout: Rollout) -> list[str]:
            raise AssertionError("asked")

    assert score_batch(Towns(), {"north": Secret(0, 1)}, Pair(), torch.arange(3))[3] == []
    assert score_batch(Plane(), {"north": Secret(0, 1)}, PointPolicy(), torch.arange(3), show=2)[3] == []


def test_inputs_of_another_number_than_rows_are_named() -> None:
    class Lazy(Near):
        def inputs(self, rollout: Rollout) -> list[str]:
            return []

    rewards: dict[str, Reward] = {"lazy": Lazy(0, 1)}
    with pytest.raises(RewardError, match=r"reward 'lazy' gave 0 texts for 2 rows"):
        score_batch(Towns(), rewards, PointPolicy(), torch.arange(3), show=2)


def test_samples_of_another_number_than_rows_are_named() -> None:
    class Summary(Towns):
        def samples(self, rollout: Rollout, count: int) -> list[Sample]:
            return [Sample("all at once")]

    with pytest.raises(ConfigError, match=r"Summary\.samples\(\) gave 1 samples for 2 rows"):
        score_batch(Summary(), {"north": Near(0, 1)}, PointPolicy(), torch.arange(3), show=2)


def test_audit_lines_hold_whole_texts_and_stay_on_their_lines() -> None:
    nasty = "one\ntwo \x1b[31m 'three' " + "long " * 100
    texts = Sample("Why?\n", nasty, read={"last": Reading(f"Why?\n{nasty}", 0.12345), "north": Reading(None, 1.0)})
    moved = Sample("seed 3", "9 steps", {}, read={"north": Reading(None, 1.0)})
    lines = audit_lines([texts, moved])
    assert lines == ["rewards on 'Why?\\n':", f"  last 0.123 for {'Why?' + chr(10) + nasty!r}"]
    assert not any(set(line) & set("\n\x1b") for line in lines)
    assert audit_lines([moved, Sample("seed 4")]) == []
