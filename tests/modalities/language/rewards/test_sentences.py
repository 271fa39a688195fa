from __future__ import annotations

import torch

from rsoup_lightning.modalities.language.rewards.sentences import is_one_sentence, mean_of_sentences, sentences, words


def test_sentences_end_where_a_space_follows() -> None:
    assert sentences(" At 3.5 stars... it is fine! Is it? ") == ["At 3.5 stars...", "it is fine!", "Is it?"]
    assert sentences("") == [""]


def test_sentences_end_behind_quotes_and_at_the_ends_of_lines() -> None:
    assert sentences('"It rose." "It fell." (See it.) Now.') == ['"It rose."', '"It fell."', "(See it.)", "Now."]
    assert sentences("- one \n- two\n\nthree.") == ["- one", "- two", "three."]
    assert sentences('He said "Stop!" and left.') == ['He said "Stop!" and left.']


def test_lone_punctuation_is_no_word() -> None:
    assert words("Return the sum - - & (x) + 3 .") == ["Return", "the", "sum", "(x)", "3"]


def test_one_sentence_is_neither_cut_off_nor_followed_by_another() -> None:
    texts = {'It is "fine!"': True, "At 3.5 stars.": True, "Fine. Is it?": False, "Fine": False, "": False}
    assert {text: is_one_sentence(text) for text in texts} == texts


def test_each_sentence_of_a_text_counts_the_same() -> None:
    def length(texts: list[str]) -> torch.Tensor:
        return torch.tensor([float(len(text)) for text in texts])

    assert mean_of_sentences(["a. bbb.", "", "cc."], length).tolist() == [3.0, 0.0, 3.0]  # type: ignore[arg-type]
