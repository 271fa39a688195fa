from __future__ import annotations

import torch

from rsoup_lightning.modalities.language.rewards.sentences import is_one_sentence, mean_of_sentences, sentences


def test_sentences_end_where_a_space_follows() -> None:
    assert sentences(" At 3.5 stars... it is fine! Is it? ") == ["At 3.5 stars...", "it is fine!", "Is it?"]
    assert sentences("") == [""]


def test_one_sentence_is_neither_cut_off_nor_followed_by_another() -> None:
    texts = {'It is "fine!"': True, "At 3.5 stars.": True, "Fine. Is it?": False, "Fine": False, "": False}
    assert {text: is_one_sentence(text) for text in texts} == texts


def test_each_sentence_of_a_text_counts_the_same() -> None:
    def length(texts: list[str]) -> torch.Tensor:
        return torch.tensor([float(len(text)) for text in texts])

    assert mean_of_sentences(["a. bbb.", "", "cc."], length).tolist() == [3.0, 0.0, 3.0]  # type: ignore[arg-type]
