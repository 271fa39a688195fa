from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from rsoup_lightning.captions import Caption, DocumentFrequencies, References, cider, cider_d, prepare, read
from tests.captions.examples import pairs


def _prepared(count: int) -> tuple[list[Caption], list[References], DocumentFrequencies]:
    candidates, references = pairs(count)
    known = [References([Caption(text.split()) for text in texts]) for texts in references]
    return [Caption(text.split()) for text in candidates], known, DocumentFrequencies.of(known)


def test_closed_form() -> None:
    known = [prepare(["red cat", "black cat"]), prepare(["black dog"])]
    frequencies = DocumentFrequencies.of(known)  # idf of red, cat and pairs: log 2; of black: 0
    # one word in common of norm log 2 each; against "red cat": cat · cat / (|cat cat| · |red cat|)
    score = cider(read("cat cat"), known[0], frequencies)
    assert score == pytest.approx((1 / math.sqrt(2) + 1) / 2 / 4)
    # clipped: cat counts once of twice, and all lengths agree
    assert cider_d(read("cat cat"), known[0], frequencies) == pytest.approx(10 * score / 2)
    # two words longer than each reference, which are seen nowhere: three words of norm log 2
    longer = cider_d(read("cat x y black"), known[0], frequencies)
    assert longer == pytest.approx(10 * math.exp(-4 / 72) * (1 / math.sqrt(6) + 1 / math.sqrt(3)) / 2 / 4)


def test_the_reference_itself_scores_highest() -> None:
    known = [prepare(["a red cat sits here"]), prepare(["one black dog runs there"])]
    frequencies = DocumentFrequencies.of(known)
    assert cider(read("A red cat sits here."), known[0], frequencies) == pytest.approx(1)
    assert cider_d(read("A red cat sits here."), known[0], frequencies) == pytest.approx(10)


@pytest.mark.parametrize("score", [cider, cider_d])
def test_nothing_shared_scores_zero(score: object) -> None:
    known = [prepare(["a cat", ""]), prepare(["a dog"])]
    frequencies = DocumentFrequencies.of(known)
    for text in ("", "?", "zebra", "a"):  # of "a", the idf is 0
        assert score(read(text), known[0], frequencies) == 0  # type: ignore[operator]
    assert score(read("a cat"), known[0], DocumentFrequencies.of(known[:1])) == 0  # type: ignore[operator]


def test_cider_is_the_mean_of_dense_cosines() -> None:
    captions, known, frequencies = _prepared(60)

    def vector(caption: Caption, order: int, axes: list[str]) -> np.ndarray:
        words = caption.words
        counts = Counter(" ".join(words[i : i + order]) for i in range(len(words) - order + 1))
        idf = [math.log(60 / max(1, frequencies.counts.get(axis, 0))) for axis in axes]
        return np.array([counts[axis] for axis in axes]) * idf

    def cosine(a: np.ndarray, b: np.ndarray) -> float:
        norms = np.linalg.norm(a) * np.linalg.norm(b)
        return float(a @ b / norms) if norms else 0.0

    for caption, references in zip(captions, known, strict=True):
        cosines = []
        for order in range(1, 5):
            for other in references.captions:
                axes = list(caption.ngrams[order - 1].keys() | other.ngrams[order - 1].keys())
                cosines.append(cosine(vector(caption, order, axes), vector(other, order, axes)))
        assert cider(caption, references, frequencies) == pytest.approx(np.mean(cosines), abs=1e-12)


def test_cider_d_is_what_pycocoevalcap_calls_cider() -> None:
    peer = pytest.importorskip("pycocoevalcap.cider.cider").Cider()
    candidates, references = pairs(1000)
    mean, each = peer.compute_score(
        dict(enumerate(references)), {index: [text] for index, text in enumerate(candidates)}
    )
    captions, known, frequencies = _prepared(1000)
    ours = [cider_d(caption, one, frequencies) for caption, one in zip(captions, known, strict=True)]
    np.testing.assert_allclose(ours, each, atol=1e-9)
    assert np.mean(ours) == pytest.approx(mean, abs=1e-9)
