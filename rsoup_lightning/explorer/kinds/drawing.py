"""Pictures out: one prompt and one noise, drawn step by step at different λ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from PIL.Image import Image

from rsoup_lightning.explorer.choosing.mixing import Mix
from rsoup_lightning.explorer.kinds.prompts import PromptedShowing
from rsoup_lightning.explorer.parts.picture import Picture
from rsoup_lightning.rollout import Rollout

GLANCE = 0.05
"""Seconds of drawing between two estimates: what is shown for less is not seen, and delays the finished picture."""


class Drawn(Picture):
    """Where a picture is drawn."""

    def add(self, part: Image) -> None:
        """The picture so far."""
        self.show(part)


class DrawingShowing(PromptedShowing):
    """Pictures of denoisers."""

    chance, at_a_glance = "noise", True

    def place(self, name: str) -> Drawn:
        return Drawn(name)

    def play(self, mix: Mix) -> Iterator[Image]:
        for (picture,) in self.soup.at(mix).stream([self._prompts.entry.question], seed=self.seed, every=GLANCE):
            yield picture

    def rollout(self, parts: Sequence[Any]) -> Rollout:
        pixels = torch.from_numpy(np.array(parts[-1].convert("RGB"))).permute(2, 0, 1)
        return Rollout(
            torch.zeros(1, 1),
            torch.ones(1, 1, dtype=torch.bool),
            context={"images": pixels[None].float() / 255},
            texts={"prompt": [self._prompts.entry.question]},
        )
