"""What a run was asked when it was measured, to be asked again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from rsoup_lightning.errors import RSoupError
from rsoup_lightning.explorer.choosing.selection import Selection
from rsoup_lightning.explorer.kinds.showing import Showing
from rsoup_lightning.explorer.parts.field import Field
from rsoup_lightning.modalities.data import Entry
from rsoup_lightning.playing.soup import Soup

OFFERED = 40  # prompts to choose from
OWN_PROMPT = "your own"
"""What stands among the prompts of a run for one that is none of them."""


class Prompts:
    """The prompts of a run, or one's own.

    Args:
        soup: whose data are offered, where they are here.
        selection: what is asked.
    """

    def __init__(self, soup: Soup, selection: Selection) -> None:
        self._selection = selection
        self._entries = {entry.prompt or entry.question: entry for entry in run_prompts(soup)}

    def build(self) -> None:
        """Build the fields: one to choose, and one to write."""
        if self._entries:
            options = [OWN_PROMPT, *self._entries]
            self._choice = Field("a prompt of the run", self._option, self._chosen, "choice", options).classes("grow")
        self._own = Field("prompt", self._asked, self._written).classes("grow")

    def vary(self, number: int) -> None:
        """Ask the prompt of that number, from the first again after the last."""
        if self._entries:
            prompts = list(self._entries)
            self._selection.asked = {**self._selection.asked, "prompt": prompts[number % len(prompts)]}

    @property
    def entry(self) -> Entry:
        """What is asked now."""
        return self._entries.get(self._asked, Entry(self._asked))

    @property
    def _asked(self) -> str:
        return self._selection.asked.get("prompt") or next(iter(self._entries), "Hello")

    @property
    def _option(self) -> str:
        return self._asked if self._asked in self._entries else OWN_PROMPT

    def _chosen(self, prompt: str) -> None:
        if prompt != OWN_PROMPT:
            self._own.show(prompt)
            self._selection.ask(prompt=prompt)

    def _written(self, prompt: str) -> None:
        self._selection.ask(prompt=prompt.strip())
        if self._entries:
            self._choice.show(self._option)


class PromptedShowing(Showing):
    """Of policies that are asked a prompt, and meet chances of a seed.

    Attributes:
        chance: what the seed is of.
    """

    chance: ClassVar[str]

    def __init__(self, soup: Soup, selection: Selection) -> None:
        super().__init__(soup, selection)
        self._prompts = Prompts(soup, selection)

    def ask(self) -> None:
        self._prompts.build()
        Field(f"{self.chance} (seed)", str(self.seed), lambda text: self.selection.ask(seed=text), "number")

    def vary(self, number: int) -> None:
        super().vary(number)
        self._prompts.vary(number)


def run_prompts(soup: Soup) -> Sequence[Entry]:
    """The first entries that the run was evaluated on; none where its data are not here."""
    data: Any = getattr(soup.environment, "data", None)  # only environments of prompts have some
    try:
        return list(data.entries("eval"))[:OFFERED] if data is not None else []
    except RSoupError:
        return []
