from __future__ import annotations

import logging
from typing import Any

import pytest
import torch
from torch import Tensor

from rsoup_lightning.environment import Reading, Shown
from rsoup_lightning.errors import ConfigError, RewardError
from rsoup_lightning.evaluation import audit, evaluate, reward_statistics, score_batch
from rsoup_lightning.modalities.language.rewards.texts import Exchange, TextReward
from rsoup_lightning.policy import Policy
from rsoup_lightning.rewards import Reward
from rsoup_lightning.rollout import Rollout
from tests.conftest import Near, Plane, PointFineTuner, PointPolicy


def test_scores_are_per_sample_and_complete(point: PointFineTuner) -> None:
    (scores,) = evaluate(point.environment, point.rewards, point.policy, point.environment.eval_batches())
    rollout = point.environment.evaluate(point.policy, torch.arange(12))
    torch.testing.assert_close(scores.rewards["north"], point.rewards["north"](rollout).detach())
    assert scores.steps == 12
    assert scores.shown == []


@pytest.mark.parametrize("size", [1, 5, 12])
def test_what_is_shown_does_not_end_with_the_first_batch(size: int) -> None:
    batches = torch.arange(12).split(size)
    shown = evaluate(Towns(), {"north": Near(0, 1)}, Pair(), batches, show=3)
    for who, scores in enumerate(shown):
        assert [each.text for each in scores.shown] == [f"{who} says {number * 10 + who}" for number in range(3)]


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

    def shown(self, rollout: Rollout, count: int) -> list[Shown]:
        texts = rollout.texts
        return [Shown(*row) for row in zip(texts["question"][:count], texts["answer"][:count], strict=True)]


class Pair(PointPolicy):
    """Two policies that play as one."""

    members = 2


class Last(TextReward):
    """The last number of an answer."""

    def rate(self, exchanges: Any) -> list[float]:
        return [float(exchange.answer.split()[-1]) for exchange in exchanges]


def test_shown_tells_what_rewards_read_and_gave() -> None:
    rewards = {"last": Last("Q: {question}\nA: {answer}"), "north": Near(0, 1)}
    policy, batch = Pair(), torch.tensor([3, 5, 7])
    _, scores, _, shown = score_batch(Towns(), rewards, policy, batch, show=2)
    assert [(each.title, each.text) for each in shown] == [
        (f"Where is {number}?", f"{who} says {number * 10 + who}") for who in (0, 1) for number in (3, 5)
    ]
    for index, each in enumerate(shown):
        member, row = divmod(index, 2)
        exchange = Exchange(each.title, each.text)
        (rated,) = rewards["last"].rate([exchange])  # type: ignore[attr-defined]
        assert each.read == {
            "last": Reading(f"Q: {each.title}\nA: {each.text}", rated),
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


def test_shown_of_another_number_than_rows_are_named() -> None:
    class Summary(Towns):
        def shown(self, rollout: Rollout, count: int) -> list[Shown]:
            return [Shown("all at once")]

    with pytest.raises(ConfigError, match=r"Summary\.shown\(\) gave 1 for 2 rows"):
        score_batch(Summary(), {"north": Near(0, 1)}, PointPolicy(), torch.arange(3), show=2)


def test_an_audit_holds_whole_texts_that_stay_on_their_lines(caplog: pytest.LogCaptureFixture) -> None:
    nasty = "one\ntwo \x1b[31m 'three' " + "long " * 100 + "0.12345"
    texts = {"question": ["Why?"], "answer": [nasty], "reference": [""]}
    rollout = Rollout(torch.zeros(1, 1), torch.ones(1, 1) > 0, texts=texts)
    scores = {"last": torch.tensor([0.12345]), "silent": torch.tensor([1.0])}
    with caplog.at_level(logging.INFO):
        audit({"last": Last(), "silent": Near(0, 1)}, rollout, scores)
    heading, *lines = caplog.messages
    assert heading.startswith("what rewards read") and lines == [f"row 0: last 0.123 for {Last().inputs(rollout)[0]!r}"]
    assert not set(lines[0]) & set("\n\x1b")


def test_statistics_are_those_of_the_completions(point: PointFineTuner) -> None:
    found = reward_statistics(point.environment, point.rewards, point.policy, rollouts=10, completions=50, seed=1)
    # Squared distance from the goal of N((0, 0), 0.1²): mean -(1 + 2 × 0.01), standard deviation about 2 × 0.1.
    mean, spread = found["east"]
    assert mean == pytest.approx(-1.02, abs=0.02) and spread == pytest.approx(0.2, abs=0.02)
    again = reward_statistics(point.environment, point.rewards, point.policy, rollouts=10, completions=50, seed=1)
    assert again == found


def test_statistics_are_of_as_many_rollouts_as_asked_for_whatever_an_epoch_has(point: PointFineTuner) -> None:
    seen: list[Tensor] = []

    class Seen(Near):
        def __call__(self, rollout: Rollout) -> Tensor:
            seen.append(rollout["actions"])
            return super().__call__(rollout)

    def measured(rollouts: int) -> list[Tensor]:
        seen.clear()
        rewards = {"east": Seen(1, 0)}
        reward_statistics(point.environment, rewards, point.policy, rollouts=rollouts, completions=2, seed=1)
        return [*seen]

    an_epoch = sum(1 for _ in point.environment.train_batches())
    few, many = measured(an_epoch), measured(2 * an_epoch + 3)
    assert len(few) == an_epoch and len(many) == 2 * an_epoch + 3
    assert all(torch.equal(one, other) for one, other in zip(few, many, strict=False))


def test_a_reward_without_spread_has_no_scale(point: PointFineTuner) -> None:
    class Same(Near):
        def __call__(self, rollout: Rollout) -> Tensor:
            return torch.full((len(rollout),), 0.7)

    with pytest.raises(RewardError, match=r"'same' is 0\.7 for all of init's 16 completions"):
        reward_statistics(point.environment, {"same": Same(1, 0)}, point.policy, rollouts=1, completions=2, seed=0)
    rewards = {"same": Same(1, 0), "east": Near(1, 0)}  # as a guard that all of init's completions pass
    found = reward_statistics(
        point.environment, rewards, point.policy, rollouts=1, completions=2, seed=0, constant=["same", "east"]
    )
    assert found["same"] == pytest.approx((0.7, 1.0)) and found["east"][1] < 0.5
