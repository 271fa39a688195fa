from __future__ import annotations

import pytest

from rsoup_lightning.errors import RewardError
from rsoup_lightning.modalities.language.rewards import Vader
from tests.modalities.language.rewards.exchanges import answered

pytest.importorskip("vaderSentiment")


def test_the_numbers_of_its_authors() -> None:
    """The README of VADER prints these."""
    answers = ["VADER is smart, handsome, and funny.", "VADER is not smart, handsome, nor funny.", "The book was good."]
    assert Vader()(answered(answers)).tolist() == pytest.approx([0.8316, -0.7424, 0.4404])


def test_the_template_is_what_it_rates() -> None:
    rollout = answered(["The book was good."], ["Was it bad?"])
    assert Vader("{question}")(rollout) < 0 < Vader("{answer}")(rollout)


def test_empty_answers_are_neutral_where_allowed() -> None:
    assert Vader(allow_empty_answers=True)(answered([""])).tolist() == [0.0]
    with pytest.raises(RewardError, match="row 1 has an empty answer to 'why\\?'"):
        Vader()(answered(["good", " "]))


def test_a_heap_of_kind_words_does_not_pay_for_other_sentences() -> None:
    heap = "It is late. Good good good good!"
    kind, _, lonely = Vader()(answered(["Good.", "It is late.", heap]))
    assert lonely > kind
    *parts, mean = Vader(per_sentence=True)(answered(["It is late.", "Good good good good!", heap]))
    assert mean == pytest.approx(sum(parts) / 2) and mean < lonely
