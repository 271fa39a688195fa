"""Texts in pieces: together they are the whole text, and no piece gives away what a stop text takes back."""

from __future__ import annotations

from typing import Any

import pytest
from tokenizers import Tokenizer, decoders, models
from transformers import PreTrainedTokenizerFast

from rsoup_lightning.modalities.language.pieces import Unwritten
from tests.modalities.language.tiny import tokenizer


def metaspace() -> Any:
    """Writes a word's space before it, but for the first one of a text, as Llama's tokenizer does."""
    inner = Tokenizer(models.WordLevel({"▁Hello": 0, "▁world": 1, "!": 2, "<end>": 3}, unk_token="<end>"))
    inner.decoder = decoders.Metaspace()
    return PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<end>")


def pieces(tokenizer: Any, tokens: list[int], stop: list[str]) -> list[str]:
    text, made = Unwritten(tokenizer, stop), []
    for token in tokens:
        piece, stopped = text.push(token)
        made.append(piece)
        if stopped:
            break
    return [*made, text.rest()[0]]


@pytest.mark.parametrize("text", ["plain", "naïve café", "日本語 🥣🥄", "👩‍👩‍👧‍👦 family", "\ufffd!"])
def test_no_half_characters(text: str) -> None:
    made = tokenizer()
    parts = pieces(made, made(text)["input_ids"], [])
    assert "".join(parts) == text
    assert text == "\ufffd!" or not any("\ufffd" in part for part in parts)
    assert len([part for part in parts if part]) >= len(set(text)) // 2, "it comes in pieces"


def test_bytes_that_are_no_character_come_at_the_end() -> None:
    made = tokenizer()
    tokens = made("é")["input_ids"]
    assert "".join(pieces(made, [*made("a")["input_ids"], tokens[0]], [])) == "a\ufffd"


def test_a_space_that_depends_on_the_word_before() -> None:
    parts = pieces(metaspace(), [0, 1, 1, 2, 3, 0], [])
    assert parts[:4] == ["Hello", " world", " world", "!"]
    assert "".join(parts) == metaspace().decode([0, 1, 1, 2, 3, 0], skip_special_tokens=True)


@pytest.mark.parametrize(
    ("text", "stop", "wanted"),
    [
        ("one two three", ["two"], "one "),
        ("one two three", ["three", "tw"], "one "),
        ("aab", ["ab"], "a"),
        ("aaab", ["aab"], "a"),
        ("one tw", ["two"], "one tw"),
        ("abcabd", ["abd"], "abc"),
        ("one", ["one"], ""),
        ("one", [""], "one"),
        ("Stop\n\nhere", ["\n\n"], "Stop"),
    ],
)
def test_stop_texts(text: str, stop: list[str], wanted: str) -> None:
    made = tokenizer()
    parts = pieces(made, made(text)["input_ids"], stop)
    assert "".join(parts) == wanted
    for count in range(len(parts)):
        assert wanted.startswith("".join(parts[:count])), "what was given is never taken back"
