"""Pictures in: one picture and one question, answered at different λ; boxes are drawn on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from PIL import Image

from rsoup_lightning.errors import PictureError, RSoupError
from rsoup_lightning.explorer.choosing.mixing import Mix
from rsoup_lightning.explorer.choosing.selection import Selection
from rsoup_lightning.explorer.kinds.prompts import OFFERED
from rsoup_lightning.explorer.kinds.showing import Showing
from rsoup_lightning.explorer.parts.elements import tag
from rsoup_lightning.explorer.parts.field import Field
from rsoup_lightning.explorer.parts.picture import Picture
from rsoup_lightning.explorer.parts.upload import Upload
from rsoup_lightning.modalities.data import Item
from rsoup_lightning.modalities.vision_language.boxes import read_box
from rsoup_lightning.modalities.vision_language.drawing import with_boxes
from rsoup_lightning.modalities.vision_language.environment import answered
from rsoup_lightning.playing.soup import Soup
from rsoup_lightning.rollout import Rollout

OWN = "own"
"""What stands for a picture of one's own where others have a number."""

Seen = tuple[Image.Image, str]
"""A picture, and what was said of it."""


class Described(Picture):
    """Where a picture is described."""

    def add(self, part: Seen) -> None:
        """The picture and its answer."""
        self.show(*part)


class SeeingShowing(Showing):
    """Answers of captioners."""

    def __init__(self, soup: Soup, selection: Selection) -> None:
        super().__init__(soup, selection)
        self._data: Any = soup.environment.data  # type: ignore[attr-defined]
        try:
            self._items: list[Item] = list(self._data.items("eval"))[:OFFERED]
        except RSoupError:  # its data are not here
            self._items = []
        self._own: Image.Image | None = None
        self._words: Field | None = None  # in which the question stands, where one is asked

    def ask(self) -> None:
        names = [_name(number, item) for number, item in enumerate(self._items)]
        if names:
            number = self._number
            Field("a picture of the run", names[number], self._chosen, "choice", names).classes("grow")
        if not self._items or self._asks:
            self._words = Field("question", self._question, lambda text: self.selection.ask(question=text.strip()))
            self._words.classes("grow")
        Upload("or one of your own", self._uploaded)
        if any(item.box for item in self._items):
            tag("p", "Red is the box that was found, green the one that is wanted.", "small faint all")

    @property
    def _asks(self) -> bool:
        return any(item.question for item in self._items)

    @property
    def _number(self) -> int:
        text = self.selection.asked.get("picture", "0")
        return int(text) if text.isdecimal() and int(text) < len(self._items) else 0

    @property
    def _item(self) -> Item:
        """What is asked now.

        Raises:
            PictureError: there is nothing to ask of.
        """
        if self._own is not None and self.selection.asked.get("picture") == OWN:
            return Item(OWN, question=self._question)
        if not self._items:
            raise PictureError("the pictures of this run are not here: upload one")
        item = self._items[self._number]
        return item if self._question == item.question else Item(item.picture, question=self._question)

    @property
    def _question(self) -> str:
        default = self._items[self._number].question if self._items else ""
        return self.selection.asked.get("question", default)

    def _chosen(self, name: str) -> None:
        number = name.partition(":")[0]
        self.selection.ask(picture=str(int(number) - 1), question="")
        if self._words:
            self._words.show(self._question)

    def _uploaded(self, picture: Image.Image) -> None:
        self._own = picture
        self.selection.asked.pop("picture", None)  # another one of one's own is news, too
        self.selection.ask(picture=OWN)

    def vary(self, number: int) -> None:
        super().vary(number)
        if self._items:
            self.selection.asked = {"picture": str(number % len(self._items))}

    def place(self, name: str) -> Described:
        return Described(name)

    def play(self, mix: Mix) -> Iterator[Seen]:
        item = self._item
        picture = self._own if item.picture == OWN and self._own else self._data.picture(item.picture)
        (answer,) = self.soup.at(mix).describe([picture], [item.question])
        box = read_box(answer, self._data.bins)
        yield with_boxes(picture, item.box, box) if item.box or box else picture, answer

    def rollout(self, parts: Sequence[Any]) -> Rollout | None:
        item, (_, answer) = self._item, parts[-1]
        if not item.references:  # rewards compare with good answers
            return None
        context = {} if item.box is None else {"box": torch.tensor([item.box])}
        return Rollout(
            torch.zeros(1, 1), torch.ones(1, 1, dtype=torch.bool), context=context, texts=answered([item], [answer])
        )


def _name(number: int, item: Item) -> str:
    """What to call a picture in a list, without giving the answer away where something is asked."""
    return f"{number + 1}: {item.question or (item.references[0] if item.references else item.picture)}"
