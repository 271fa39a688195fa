"""References of pictures as prompts."""

from __future__ import annotations

from rsoup_lightning.modalities.data import Entry, Item
from rsoup_lightning.modalities.diffusion import PicturePrompts
from tests.modalities.diffusion.tiny import Squares


class Twice(Squares):
    """Every square in two pictures, and one without a name."""

    def items(self, split):  # type: ignore[no-untyped-def]
        return [*super().items(split), *super().items(split), Item("red")]


def test_first_references_once() -> None:
    data = PicturePrompts(Twice())
    assert data.entries("train") == tuple(Entry(f"a {name} square") for name in ("red", "green", "blue", "white"))
    assert data.entries("eval") == (Entry("a black square"), Entry("a yellow square"))
