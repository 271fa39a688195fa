"""One answer: why it ends, and what it says of its tokens."""

from __future__ import annotations

import torch

from rsoup_lightning.modalities.language.text_row import TextRequest, TextRow
from tests.modalities.language.tiny import tokenizer

END = 1


def row(**settings: object) -> TextRow:
    request = TextRequest([5], (1.0,), **{"max_new_tokens": 3, **settings})  # type: ignore[arg-type]
    return TextRow(0, request, tokenizer(), {END}, {tokenizer()("!")["input_ids"][0]})


def token(letter: str) -> int:
    return int(tokenizer()(letter)["input_ids"][0])


LOGITS = torch.arange(258.0) / 50


def test_why_an_answer_ends() -> None:
    first, second, third = (made.write for made in (row(), row(), row()))
    assert first(END, LOGITS).finish_reason == "stop" and second(token("a"), LOGITS).finish_reason is None
    piece = second(token("!"), LOGITS)
    assert (piece.text, piece.finish_reason, piece.tokens) == ("!", "stop", 2), "a stop token is part of the answer"
    assert [third(token(letter), LOGITS).finish_reason for letter in "abc"] == [None, None, "length"]
    assert row(stop=["b"]).write(token("b"), LOGITS).finish_reason == "stop"
    half = row(stop=["\ufffd"], max_new_tokens=1).write(tokenizer()("é")["input_ids"][0], LOGITS)
    assert (half.text, half.finish_reason) == ("", "stop"), "a stop text that is there only as no more tokens come"


def test_scores_are_log_probabilities_of_the_model_itself() -> None:
    piece = row(top_logprobs=2, temperature=0.1).write(token("a"), LOGITS)
    (score,), wanted = piece.scores, LOGITS.log_softmax(0)
    assert score.text == "a" and abs(score.log_prob - wanted[token("a")]) < 1e-6
    assert [value for _, value in score.top] == wanted.topk(2).values.tolist()
    assert row(top_logprobs=2).write(END, LOGITS).scores == [], "an end token is no part of the answer"
    assert len(row(top_logprobs=999).write(token("a"), LOGITS).scores[0].top) == 258
