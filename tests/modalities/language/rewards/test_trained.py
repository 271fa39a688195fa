from __future__ import annotations

from pathlib import Path

import pytest

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.language.rewards import TrainedClassifier
from tests.modalities.language.rewards.exchanges import answered
from tests.modalities.language.rewards.test_tfidf import NEW, corpus

pytest.importorskip("sklearn")

ROLLOUT = answered(NEW[:3])


class Taste(TrainedClassifier):
    corpus_name = "taste-1"

    def labelled(self) -> tuple[list[str], list[int]]:
        return corpus()


class Gone(Taste):
    """The same corpus, once its texts are uninstalled."""

    def labelled(self) -> tuple[list[str], list[int]]:
        raise ConfigError("the texts are not installed")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RSOUP_CACHE", str(tmp_path / "cache"))


def test_learns_once() -> None:
    fresh = Taste()(ROLLOUT)
    kept = Gone()
    assert kept(ROLLOUT).tolist() == fresh.tolist()
    assert kept.classifier.accuracy == 1.0
    assert fresh[0] > 0 > fresh[1]


def test_the_texts_are_needed_the_first_time() -> None:
    with pytest.raises(ConfigError, match="not installed"):
        Gone()


def test_the_limit_holds_both_ways() -> None:
    free, limited = Taste()(ROLLOUT), Taste(limit=0.1)(ROLLOUT)
    assert free.abs().max() > 0.1
    assert limited.tolist() == pytest.approx(free.clamp(-0.1, 0.1).tolist())
    with pytest.raises(ConfigError, match="limit is -1"):
        Taste(limit=-1)


def test_the_template_is_what_it_rates() -> None:
    rollout = answered(["a bad film"], ["a good film"])
    assert Taste("{question}")(rollout) > 0 > Taste()(rollout)


def test_an_empty_answer_has_the_intercept() -> None:
    reward = Taste(allow_empty_answers=True)
    assert reward(answered([""])).item() == pytest.approx(reward.classifier.intercept)


def test_each_sentence_is_bounded_by_itself() -> None:
    rollout = answered(["a good film. a bad film.", "a good film.", "a bad film."])
    both, good, bad = Taste(limit=0.1, per_sentence=True)(rollout)
    assert good == pytest.approx(0.1) and bad == pytest.approx(-0.1) and both == pytest.approx(0)
