from __future__ import annotations

import pytest

from rsoup_lightning.captions import Caption, References, prepare, read, rouge_l
from rsoup_lightning.errors import RewardError


def test_ngrams_are_counted_by_length() -> None:
    assert read("A cat, a cat").ngrams == [
        {"a": 2, "cat": 2},
        {"a cat": 2, "cat a": 1},
        {"a cat a": 1, "cat a cat": 1},
        {"a cat a cat": 1},
    ]
    assert Caption([]).ngrams == [{}, {}, {}, {}]


@pytest.mark.parametrize("texts", [[], ["", "?"]])
def test_items_without_references_are_refused(texts: list[str]) -> None:
    with pytest.raises(RewardError, match=r"image 7\.png has no reference"):
        prepare(texts, "image 7.png")


def test_a_text_for_a_list_of_references_is_refused() -> None:
    with pytest.raises(RewardError, match=r"image 7\.png has the text 'a cat' for its references: put it into a list"):
        prepare("a cat", "image 7.png")


def test_what_is_kept_is_made_once_for_its_arguments() -> None:
    made = []

    def make(references: References, factor: int) -> int:
        made.append(factor)
        return factor * len(references.captions)

    references = prepare(["a", "b"])
    assert [references.kept(make, factor) for factor in (2, 3, 2, 3)] == [4, 6, 4, 6]
    assert made == [2, 3]


def test_only_rouge_takes_a_token_with_a_blank_as_one() -> None:
    caption = read("1 1/2 cups")
    assert caption.tokens == ("1\xa01/2", "cups")
    assert caption.words == ("1", "1/2", "cups")
    assert rouge_l(caption, prepare(["1 cups"])) == rouge_l(read("x cups"), prepare(["1 cups"]))
