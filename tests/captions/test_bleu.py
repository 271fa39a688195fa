from __future__ import annotations

import math

import numpy as np
import pytest

from rsoup_lightning.captions import BleuCounts, Caption, References, bleu, bleu_counts, bleu_of, prepare, read
from tests.captions.examples import pairs


def test_closed_form() -> None:
    values = bleu(read("the cat the cat on the mat"), prepare(["the cat is on the mat now then"]))
    precisions = [5 / 7, 3 / 6, 1 / 5]  # the: 2 of 3, cat: 1 of 2; the-cat 1 of 2; on-the-mat
    brevity = math.exp(1 - 8 / 7)
    expected = [brevity * math.prod(precisions[:n]) ** (1 / n) for n in (1, 2, 3)]
    assert values[:3] == pytest.approx(expected)
    assert 0 < values[3] < 1e-3


def test_the_closest_reference_counts_and_of_two_the_shorter() -> None:
    known = prepare(["a b", "a b c d e f", "a"])
    assert bleu_counts(read("a b c d"), known).reference_length == 2
    assert bleu_counts(read("a b c d e"), known).reference_length == 6


def test_empty_and_short_captions() -> None:
    known = prepare(["a cat"])
    assert bleu(read("!"), known) == [0, 0, 0, 0]
    assert bleu(read("cat"), known)[0] == pytest.approx(math.exp(-1))


def test_equal_to_pycocoevalcap() -> None:
    peer = pytest.importorskip("pycocoevalcap.bleu.bleu").Bleu(4)
    candidates, references = pairs(1000)
    corpus, each = peer.compute_score(
        dict(enumerate(references)), {index: [text] for index, text in enumerate(candidates)}, verbose=0
    )
    known = [References([Caption(text.split()) for text in texts]) for texts in references]
    captions = [Caption(text.split()) for text in candidates]
    ours = np.array([bleu(*pair) for pair in zip(captions, known, strict=True)])
    np.testing.assert_allclose(ours.T, each, atol=1e-9)
    counts = [bleu_counts(*pair) for pair in zip(captions, known, strict=True)]
    correct, total = (np.sum([getattr(one, field) for one in counts], axis=0) for field in ("correct", "total"))
    length, reference_length = (sum(getattr(one, field) for one in counts) for field in ("length", "reference_length"))
    assert bleu_of(BleuCounts(correct, total, length, reference_length)) == pytest.approx(corpus, abs=1e-9)
