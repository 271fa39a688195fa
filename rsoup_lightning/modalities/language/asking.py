"""How a policy is asked: what it reads of an entry, as a text and as tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.chat_templates import check_variables, templated
from rsoup_lightning.modalities.data import Entry
from rsoup_lightning.modalities.pretrained import check_tokens
from rsoup_lightning.modalities.prompt_tokens import PromptTokens

FILLER = 0
"""The token that fills rows up. Any would do that has an embedding: it is masked wherever it stands."""


class Asking:
    """Writes the prompts of entries, each with one start token where the tokenizer adds one, and with no end token.

    Args:
        tokenizer: of transformers.
        template: what the policy reads, from {prompt}; None: the tokenizer's chat template, or the bare prompt where it
            has none.
        ends: tokens that end a completion.
        vocabulary: how many tokens the model has embeddings for; None: all of the tokenizer's.
        chat_template_kwargs: variables of the chat template.

    Raises:
        ConfigError: the template has no {prompt}; or the chat template fails, leaves the prompt out, or ends the turn
            of the user without opening the next; or variables are given where no chat template is used.
        UnknownNameError: the chat template reads no such variable.
    """

    def __init__(
        self,
        tokenizer: Any,
        template: str | None,
        ends: Sequence[int] = (),
        vocabulary: int | None = None,
        chat_template_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        self.tokenizer, self._template, self._vocabulary = tokenizer, template, vocabulary
        self._settings = dict(chat_template_kwargs or {})
        self._chats = template is None and tokenizer.chat_template is not None
        if self._settings and not self._chats:
            why = "the tokenizer has none" if template is None else "template is used instead"
            raise ConfigError(f"chat_template_kwargs are for a chat template, and {why}: leave them out")
        if template is not None and "{prompt}" not in template:
            raise ConfigError(f"the template {template!r} has no {{prompt}}: all prompts would be the same text")
        self._start = _start(tokenizer)
        if self._chats:
            check_variables(tokenizer.chat_template, [*self._settings])
            self._check_chat_template(ends)

    def written(self, entry: Entry) -> str:
        """What the policy reads of an entry.

        Raises:
            ConfigError: the chat template fails on it.
        """
        return self.conversation([{"role": "user", "content": entry.prompt or entry.question}])

    def conversation(self, messages: Sequence[Mapping[str, str]]) -> str:
        """What the policy reads of a conversation.

        Args:
            messages: each with a ``role`` and ``content``.

        Raises:
            ConfigError: the chat template fails on it, or there is none and this is more than one message of the user.
        """
        last = messages[-1] if messages else {"role": "nobody", "content": ""}
        if not self._chats:
            if len(messages) != 1 or last["role"] != "user":
                raise ConfigError("these experts know no conversations: give one message, of the user")
            return (self._template or "{prompt}").replace("{prompt}", last["content"])
        where = f"the tokenizer's chat template fails on a message of the {last['role']}, {last['content']!r:.60}"
        return templated(self.tokenizer, messages, where, "Mend it, or set template", self._settings)

    def tokens(self, written: str) -> list[int]:
        """The tokens of a written prompt.

        Raises:
            ConfigError: one that the model has no embedding for.
        """
        return self._tokens(written, [] if self._chats else self._start)  # a chat template writes its own

    def unwritten_tokens(self, text: str) -> list[int]:
        """The tokens of a text that goes on, without any template.

        Raises:
            ConfigError: one that the model has no embedding for.
        """
        return self._tokens(text, self._start)

    def check(self, tokens: Sequence[int]) -> None:
        """Require that tokens which somebody gives by their numbers are the model's.

        Raises:
            ConfigError: one is not.
        """
        count, highest = self._vocabulary or len(self.tokenizer), max(tokens, default=0)
        if highest >= count:
            raise ConfigError(f"there is no token {highest}: this model has 0 to {count - 1}")

    def _tokens(self, text: str, start: list[int]) -> list[int]:
        tokens: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        if tokens[: len(start)] != start:
            tokens = start + tokens
        check_tokens(tokens, self.tokenizer, self._vocabulary)
        return tokens

    def prompts(self, entries: Sequence[Entry]) -> PromptTokens:
        """The tokens of entries."""
        return PromptTokens.of([self.tokens(self.written(entry)) for entry in entries], FILLER)

    def _check_chat_template(self, ends: Sequence[int]) -> None:
        first, second = (self.written(Entry(prompt)) for prompt in ("one", "two"))
        if first == second:
            raise ConfigError("the tokenizer's chat template leaves out what the user says: mend it, or set template")
        # After an end token the model has nothing to say, or begins another document.
        *_, last = self.tokens(first.rstrip())
        if last in ends:
            end = self.tokenizer.convert_ids_to_tokens(last)
            raise ConfigError(
                f"the tokenizer's chat template ends prompts with the end token {end!r} and opens no answer: let it "
                f"heed add_generation_prompt, or, if the model was trained like this, set template to '{{prompt}}{end}'"
            )


def _start(tokenizer: Any) -> list[int]:
    """The tokens that a tokenizer adds before a text."""
    text = tokenizer("a", add_special_tokens=False)["input_ids"]
    framed: list[int] = tokenizer("a")["input_ids"]
    return next((framed[:place] for place in range(len(framed)) if framed[place : place + len(text)] == text), [])
