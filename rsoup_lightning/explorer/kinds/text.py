"""Texts on the page: answers to one prompt, as they are written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from nicegui.element import Element

from rsoup_lightning.explorer.choosing.mixing import Mix
from rsoup_lightning.explorer.kinds.prompts import PromptedShowing
from rsoup_lightning.explorer.kinds.showing import CHOSEN, LEFT, RIGHT
from rsoup_lightning.explorer.parts.elements import tag
from rsoup_lightning.modalities.language.pieces import TextPiece
from rsoup_lightning.rollout import Rollout


class WrittenAnswer(Element, component="answer.js"):
    """Where an answer is written, its words marked that another answer has not.

    Args:
        name: of the answer.
        against: of the other.
    """

    def __init__(self, name: str, against: str) -> None:
        super().__init__()
        self._props["name"], self._props["against"] = name, against

    def begin(self) -> None:
        """Another answer begins."""
        self.run_method("begin")

    def add(self, part: TextPiece) -> None:
        """What is new of it."""
        self.run_method("add", part.text)

    def end(self) -> None:
        """It is whole."""
        self.run_method("end")


class TextShowing(PromptedShowing):
    """Answers of language models."""

    chance = "chances"

    def ask(self) -> None:
        super().ask()
        tag("p", "Marked words are not in the answer on the left.", "small faint all")

    def place(self, name: str) -> WrittenAnswer:
        return WrittenAnswer(name, LEFT if name in (CHOSEN, RIGHT) else name)

    def play(self, mix: Mix) -> Iterator[TextPiece]:
        entry = self._prompts.entry
        written = self.soup.at(mix).stream([entry.prompt or entry.question], seed=self.seed)
        return (piece for _, piece in written)

    def rollout(self, parts: Sequence[Any]) -> Rollout:
        entry, tokens = self._prompts.entry, max(part.tokens for part in parts)
        texts = {
            "question": [entry.question],
            "prompt": [entry.prompt or entry.question],
            "answer": ["".join(part.text for part in parts)],
            "reference": [entry.reference],
        }
        counted = torch.ones(1, tokens, dtype=torch.bool)
        return Rollout(torch.zeros(1, tokens), counted, texts=texts)
