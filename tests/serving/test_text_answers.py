"""Answers in both forms, whole and in chunks."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from rsoup_lightning.modalities.language.pieces import TextPiece, TokenScore
from rsoup_lightning.serving.text_answers import Answer, ChatForm, CompletionForm, Form

HALF = "\N{REPLACEMENT CHARACTER}"
PIECES = [
    (0, TextPiece("ä", 1, [TokenScore(5, "ä", -0.5, [("ä", -0.5), (HALF, -math.inf)])])),
    (1, TextPiece("", 1, [TokenScore(6, HALF, -1.0, [(HALF, -1.0), (HALF, -3.0)])])),  # held back
    (0, TextPiece(" b", 3, [TokenScore(7, " b", -2.0, []), TokenScore(1, "", -0.1, [])], "stop")),
    (1, TextPiece("😀", 2, [TokenScore(8, HALF, -0.2, [])], "length")),
]


def answer(form: Form, *, scored: bool = True, usage: bool = False) -> Answer:
    head = {"id": "x", "created": 1, "model": "tuned"}
    return Answer(form, head, prompt_tokens=4, choices=2, scored=scored, usage=usage, record={"seed": 3})


def whole(form: Form, **options: bool) -> dict[str, Any]:
    made = answer(form, **options)
    for number, piece in PIECES:
        made.add(number, piece)
    return made.body()


def streamed(form: Form, **options: bool) -> list[dict[str, Any]]:
    made = answer(form, **options)
    return [chunk for number, piece in PIECES for chunk in made.chunks(number, piece)]


def test_a_completion() -> None:
    body = whole(CompletionForm())
    assert json.loads(json.dumps(body, allow_nan=False)) == body
    assert body["object"] == "text_completion" and body["rsoup"] == {"seed": 3}
    assert body["usage"] == {"prompt_tokens": 4, "completion_tokens": 5, "total_tokens": 9}
    first, second = body["choices"]
    assert first == {
        "index": 0,
        "text": "ä b",
        "logprobs": {
            "tokens": ["ä", " b", ""],
            "token_logprobs": [-0.5, -2.0, -0.1],
            "top_logprobs": [{"ä": -0.5, HALF: -9999.0}, {}, {}],
            "text_offset": [0, 1, 3],
        },
        "finish_reason": "stop",
    }
    assert (second["text"], second["finish_reason"]) == ("😀", "length")
    assert second["logprobs"]["top_logprobs"] == [{HALF: -1.0}, {}], "the likelier of two that are written alike"


def test_a_chat() -> None:
    body = whole(ChatForm())
    assert body["object"] == "chat.completion"
    first, second = body["choices"]
    assert first["message"] == {"role": "assistant", "content": "ä b", "refusal": None}
    assert first["logprobs"]["content"][0] == {
        "token": "ä",
        "logprob": -0.5,
        "bytes": [195, 164],
        "top_logprobs": [
            {"token": "ä", "logprob": -0.5, "bytes": [195, 164]},
            {"token": HALF, "logprob": -9999.0, "bytes": None},
        ],
    }
    assert second["logprobs"]["content"][0]["bytes"] is None
    assert all(choice["logprobs"] is None for choice in whole(ChatForm(), scored=False)["choices"])


@pytest.mark.parametrize("form", [CompletionForm(), ChatForm()])
@pytest.mark.parametrize("usage", [True, False])
def test_chunks_make_up_the_whole(form: Form, usage: bool) -> None:
    body, chunks = whole(form), streamed(form, usage=usage)
    for number, choice in enumerate(body["choices"]):
        own = [chunk["choices"][0] for chunk in chunks if chunk["choices"] and chunk["choices"][0]["index"] == number]
        if isinstance(form, ChatForm):
            assert own[0]["delta"] == {"role": "assistant", "content": ""} and len(own) == 3
            assert "".join(part["delta"].get("content", "") for part in own) == choice["message"]["content"]
            scores = [score for part in own for score in part["logprobs"]["content"]]
            assert scores == choice["logprobs"]["content"]
        else:
            assert "".join(part["text"] for part in own) == choice["text"]
            for key, values in choice["logprobs"].items():
                assert [value for part in own for value in part["logprobs"][key]] == values
        assert [part["finish_reason"] for part in own] == [None] * (len(own) - 1) + [choice["finish_reason"]]
    *others, last = chunks
    assert last["rsoup"] == body["rsoup"] and not any("rsoup" in chunk for chunk in others)
    assert all(chunk["object"] == form.chunk and chunk["id"] == "x" for chunk in chunks)
    if usage:
        assert last["choices"] == [] and last["usage"] == body["usage"]
        assert all(chunk["usage"] is None for chunk in others)
    else:
        assert not any("usage" in chunk for chunk in chunks)


def test_what_is_held_back_is_not_streamed() -> None:
    made = answer(CompletionForm(), scored=False)
    assert list(made.chunks(0, TextPiece("", 1))) == []
    (chunk,) = made.chunks(0, TextPiece("ab", 2))
    assert chunk["choices"][0]["text"] == "ab" and made.tokens == 2
