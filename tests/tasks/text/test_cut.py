from __future__ import annotations

import pytest

from tasks.text.cut import first_sentences, first_words, squeeze

TEXT = 'Prices rose by 2.5%. "It is too much!" he said.  Nobody answered.'


@pytest.mark.parametrize(
    ("words", "cut"),
    [
        (2, "Prices rose"),
        (4, "Prices rose by 2.5%."),
        (8, "Prices rose by 2.5%."),
        (11, 'Prices rose by 2.5%. "It is too much!" he said.'),
        (99, squeeze(TEXT)),
    ],
)
def test_whole_sentences_or_the_beginning_of_the_first(words: int, cut: str) -> None:
    assert first_sentences(TEXT, words) == cut
    assert len(cut.split()) <= words


def test_spaces_and_lines_count_for_nothing() -> None:
    assert first_words(" one\n two  three", 2) == "one two"
    assert squeeze("\tone \n") == "one"
    assert first_sentences("", 3) == ""
