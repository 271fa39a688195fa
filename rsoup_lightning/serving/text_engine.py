"""The engine of language models: what it is asked as texts, and as conversations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.data import Entry
from rsoup_lightning.modalities.language.pieces import TextPiece
from rsoup_lightning.modalities.language.running import RunningTexts
from rsoup_lightning.modalities.language.text_row import TextRequest
from rsoup_lightning.playing.soup import Soup
from rsoup_lightning.serving.engine import Engine


class TextEngine(Engine[TextRequest, TextPiece]):
    """Answers prompts, each at its own λ.

    >>> with TextEngine(soup) as engine:  # doctest: +SKIP
    ...     request = TextRequest(engine.prompt("What is a soup?"), (0.3, 0.7), max_new_tokens=64)
    ...     for piece in engine.stream(request):
    ...         print(piece.text, end="")

    Args:
        soup: experts that write; they are the engine's alone from now on.
        max_queue: how many requests may wait for room.
        **limits: of rows and memory, as of :class:`RunningTexts`.

    Attributes:
        experts: names, in the order of coefficients.
        temperature: that the experts were trained at.
        limit: tokens of the answer to a prompt, where a request does not say; see :meth:`RunningTexts.limit`.

    Raises:
        ConfigError: the experts do not write texts, or a limit makes no sense.
    """

    def __init__(self, soup: Soup, *, max_queue: int = 64, **limits: int) -> None:
        batch = soup.running(**limits)
        if not isinstance(batch, RunningTexts):
            raise ConfigError(f"these experts do not write texts, but play a {type(batch).__name__}")
        super().__init__(batch, max_queue)
        self.experts = soup.experts
        self.temperature, self.limit = batch.temperature, batch.limit
        self._asking = batch.asking

    def prompt(self, text: str) -> list[int]:
        """Tokens of what a user says, through the experts' template, as ``Soup.at(...).generate`` asks it.

        Raises:
            ConfigError: the template fails on it.
        """
        return self._asking.tokens(self._asking.written(Entry(text)))

    def chat(self, messages: Sequence[Mapping[str, str]]) -> list[int]:
        """Tokens of a conversation, each message with a ``role`` and ``content``.

        Raises:
            ConfigError: the template fails on it, or these experts know no conversations and it is one.
        """
        return self._asking.tokens(self._asking.conversation(messages))

    def completion_prompt(self, given: str | Sequence[int]) -> list[int]:
        """Tokens of a text as it stands, after the start token where the tokenizer adds one; or tokens themselves.

        Raises:
            ConfigError: the model has no such token.
        """
        if isinstance(given, str):
            return self._asking.unwritten_tokens(given)
        self._asking.check(given)
        return list(given)
