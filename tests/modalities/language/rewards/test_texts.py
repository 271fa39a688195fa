from __future__ import annotations

from collections.abc import Sequence

import pytest

from rsoup_lightning.errors import RewardError
from rsoup_lightning.modalities.language.rewards.texts import Exchange, TextReward
from tests.modalities.language.rewards.exchanges import answered


class Length(TextReward):
    def rate(self, exchanges: Sequence[Exchange]) -> list[float]:
        return [float(len(self.read(exchange))) for exchange in exchanges]


def test_what_is_rated_is_what_is_said_to_be_read() -> None:
    reward = Length(template="{question} {answer} ({reference})")
    rollout = answered(["yes", "no"], ["a?", "b?"], ["y", "n"])
    assert reward.inputs(rollout) == ["a? yes (y)", "b? no (n)"]
    assert reward(rollout).tolist() == [10.0, 9.0]


def test_empty_answers_are_rated_on_request_only() -> None:
    rollout = answered(["a", " "])
    with pytest.raises(RewardError, match=r"row 1 has an empty answer to 'why\?': give Length allow_empty_answers"):
        Length()(rollout)
    assert Length(allow_empty_answers=True)(rollout).tolist() == [1.0, 1.0]


def test_an_empty_question_stops_where_it_is_read() -> None:
    rollout = answered(["a"], [" "])
    with pytest.raises(RewardError, match="Length would rate row 0 by an empty question"):
        Length(template="{question}{answer}", allow_empty_answers=True)(rollout)
    assert Length()(rollout).tolist() == [1.0]


@pytest.mark.parametrize(("template", "message"), [("{anser}", "may hold {question}"), ("{", "cannot be read")])
def test_templates_that_cannot_be_filled(template: str, message: str) -> None:
    with pytest.raises(RewardError, match=message):
        Length(template=template)
