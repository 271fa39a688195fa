"""Pictures out: one prompt and one noise, drawn at different λ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from PIL.Image import Image

from rsoup_lightning.explorer.field import Field
from rsoup_lightning.explorer.mixing import Mix
from rsoup_lightning.explorer.picture import Picture
from rsoup_lightning.explorer.prompts import Prompts
from rsoup_lightning.explorer.selection import Selection
from rsoup_lightning.explorer.showing import Showing
from rsoup_lightning.playing.soup import Soup
from rsoup_lightning.rollout import Rollout


class Drawn(Picture):
    """Where a picture is drawn."""

    def add(self, part: Image) -> None:
        """The picture so far."""
        self.show(part)


class DrawingShowing(Showing):
    """Pictures of denoisers."""

    at_a_glance = True

    def __init__(self, soup: Soup, selection: Selection) -> None:
        super().__init__(soup, selection)
        self._prompts = Prompts(soup, selection)

    def ask(self) -> None:
        self._prompts.build()
        Field("noise (seed)", str(self.seed), lambda text: self.selection.ask(seed=text), "number")

    def vary(self, number: int) -> None:
        super().vary(number)
        self._prompts.vary(number)

    def place(self, name: str) -> Drawn:
        return Drawn(name)

    def play(self, mix: Mix) -> Iterator[Image]:
        yield from self.soup.at(mix).draw([self._prompts.entry.question], seed=self.seed)

    def rollout(self, parts: Sequence[Any]) -> Rollout:
        pixels = torch.from_numpy(np.array(parts[-1].convert("RGB"))).permute(2, 0, 1)
        return Rollout(
            torch.zeros(1, 1),
            torch.ones(1, 1, dtype=torch.bool),
            context={"images": pixels[None].float() / 255},
            texts={"prompt": [self._prompts.entry.question]},
        )
