from __future__ import annotations

import pytest

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.language.rewards import NearLength
from tests.modalities.language.rewards.exchanges import answered


def test_too_long_is_as_bad_as_too_short() -> None:
    answers = ["one two three four", "", "one two", "a b c d e f g h"]
    assert NearLength(4)(answered(answers)).tolist() == [0.0, -1.0, -0.5, -1.0]


def test_what_is_cut_off_is_as_bad_as_nothing_where_whole_sentences_are_wanted() -> None:
    answers = ["It is so.", 'He said "no."', "It is", "It is just like this here and it", "It. Is. Just. This. Here."]
    rated = NearLength(3, whole=True)(answered(answers))
    assert rated.tolist() == pytest.approx([0.0, 0.0, -1.0, -5 / 3, -2 / 3])


def test_no_words_cannot_be_wanted() -> None:
    with pytest.raises(ConfigError, match="words is 0"):
        NearLength(0)
