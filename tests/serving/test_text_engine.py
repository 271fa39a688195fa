"""How language models are asked: texts, conversations, bare completions."""

from __future__ import annotations

from typing import Any

import pytest

from rsoup_lightning import Soup
from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.language import TextEnvironment
from rsoup_lightning.serving.text_engine import TextEngine
from tests.modalities.language.test_asking import framing
from tests.modalities.language.test_playing import Asked, soup
from tests.modalities.language.test_policy import policy
from tests.modalities.language.tiny import tokenizer

CHAT = "{% for m in messages %}[{{ m.role }}] {{ m.content }}\n{% endfor %}[assistant]"
TURNS = [{"role": "system", "content": "be kind"}, {"role": "user", "content": "hello"}]


def engine(chat_template: str | None = None, *, words: Any = None, **settings: Any) -> TextEngine:
    if words is None:
        words = tokenizer()
        words.chat_template = chat_template
    made = policy(3)
    return TextEngine(Soup(made, {"only": dict(made.weights())}, TextEnvironment(Asked(), words, **settings)))


def text(tokens: list[int]) -> str:
    return str(tokenizer().decode(tokens))


def test_through_a_chat_template() -> None:
    with engine(CHAT) as made:
        assert text(made.prompt("hello")) == "[user] hello\n[assistant]"
        assert text(made.chat(TURNS)) == "[system] be kind\n[user] hello\n[assistant]"
        assert text(made.completion_prompt("hello")) == "hello"


def test_a_bare_text_begins_with_the_start_token_even_where_a_chat_template_writes_its_own() -> None:
    words = framing(chat_template="{{ bos_token }}" + CHAT)
    with engine(words=words) as made:
        assert words.decode(made.completion_prompt("hello")) == "<start>hello"
        assert words.decode(made.completion_prompt("<start>hello")) == "<start>hello"
        assert words.decode(made.prompt("hello")) == "<start>[user] hello\n[assistant]"


def test_tokens_by_their_numbers() -> None:
    with engine() as made:
        assert made.completion_prompt([5, 257]) == [5, 257]
        for wrong in (258, 10**30):
            with pytest.raises(ConfigError, match=f"no token {wrong}: this model has 0 to 257"):
                made.completion_prompt([5, wrong])


def test_through_a_template_of_ones_own() -> None:
    with engine(CHAT, template="Q: {prompt} A:") as made:
        assert text(made.prompt("hello")) == text(made.chat(TURNS[1:])) == "Q: hello A:"
        with pytest.raises(ConfigError, match="these experts know no conversations: give one message, of the user"):
            made.chat(TURNS)


def test_what_the_experts_were_trained_at() -> None:
    with engine(max_new_tokens=7, context=64) as made:
        assert (made.experts, made.temperature) == (("only",), 1.0)
        assert [made.limit([5] * length) for length in (1, 57, 60, 63, 64)] == [7, 7, 4, 1, 1], "of 64 in all"
        assert text(made.prompt("hello")) == "hello"
    with TextEngine(soup()) as two:
        assert two.experts == ("first", "second")
