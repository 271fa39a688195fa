from __future__ import annotations

import pytest

from rsoup_lightning.captions import Caption, References, prepare, read, rouge_l
from tests.captions.examples import pairs


def test_closed_form() -> None:
    # a-b-d: precision 3/5 against the first; recall 1 against the second
    value = rouge_l(read("a x b d y"), prepare(["a b c d", "d"]))
    assert value == pytest.approx(2.44 * 0.6 * 1 / (1 + 1.44 * 0.6))


@pytest.mark.parametrize(("candidate", "expected"), [("", 0), ("?", 0), ("zebra", 0), ("a cat", 1)])
def test_bounds(candidate: str, expected: float) -> None:
    assert rouge_l(read(candidate), prepare(["a cat", "cat dog", "", "a"])) == expected


def test_references_do_not_mix() -> None:
    # all words of two references at once: a subsequence must lie in one of them
    assert rouge_l(read("a b c d"), prepare(["a b", "c d x y"])) == pytest.approx(2.44 * 0.5 / (1 + 1.44 * 0.5))


def test_long_captions() -> None:
    words = " ".join(str(index) for index in range(300))
    assert rouge_l(read(words), prepare([words, "1"])) == 1


def test_equal_to_pycocoevalcap() -> None:
    peer = pytest.importorskip("pycocoevalcap.rouge.rouge").Rouge()
    for candidate, texts in zip(*pairs(1000), strict=True):
        known = References([Caption(text.split()) for text in texts])
        assert rouge_l(Caption(candidate.split()), known) == pytest.approx(
            peer.calc_score([candidate], texts), abs=1e-9
        )
