"""Squares of one colour, what is asked of them, and models that learn to say it in a few steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from rsoup_lightning.errors import PictureError
from rsoup_lightning.modalities.data import Item, PictureData, Split
from rsoup_lightning.modalities.pretraining import Pretraining
from rsoup_lightning.modalities.vision_language.coca import Captioner
from rsoup_lightning.modalities.vision_language.environment import PictureEnvironment, picture_names
from rsoup_lightning.modalities.vision_language.features import Pictures, Pixels, features
from rsoup_lightning.modalities.vision_language.policy import VisionLanguagePolicy
from rsoup_lightning.modalities.vision_language.small import SmallCoCa

COLOURS = ("red", "green", "blue", "yellow", "purple", "black")
QUESTIONS = ("", "what is it?", "which?")
TINY: dict[str, Any] = {
    "image_size": 16,
    "patch_size": 8,
    "width": 32,
    "encoder_layers": 1,
    "text_layers": 1,
    "context": 10,
    "shift": 1,
}
PLACES = {"batch_size": 4, "batches_per_epoch": 2, "max_new_tokens": 4, "eval_batch_size": 4, "context": 10}


class Squares(PictureData):
    """Squares with a frame; what is asked differs in length from one to the next, or is nothing.

    Args:
        frame: the colour around them.
        asked: whether anything is asked.
        absent: colours whose squares cannot be read.
        wordless: colours of whose squares nothing is said.
    """

    def __init__(
        self, frame: str = "white", asked: bool = True, absent: Sequence[str] = (), wordless: Sequence[str] = ()
    ) -> None:
        self.frame, self.asked, self.absent, self.wordless = frame, asked, tuple(absent), tuple(wordless)

    def items(self, split: Split) -> Sequence[Item]:
        colours = () if split == "dev" else COLOURS
        return [self._item(split, number, colour) for number, colour in enumerate(colours)]

    def picture(self, name: str) -> Image.Image:
        split, colour = name.split("/")
        if colour in self.absent:
            raise PictureError(f"the picture {name} cannot be read: it is damaged")
        square = Image.new("RGB", (20, 20), self.frame)
        square.paste(Image.new("RGB", (10, 10), colour), (3, 3) if split == "train" else (7, 7))
        return square

    def _item(self, split: Split, number: int, colour: str) -> Item:
        question = QUESTIONS[number % len(QUESTIONS)] if self.asked else ""
        said = () if colour in self.wordless else (f"a {colour} square", f"{colour}")
        return Item(f"{split}/{colour}", said, question)


@dataclass
class Given(PictureData):
    """The same items for both splits, all on one grey picture."""

    given: Sequence[Item] = field(default_factory=list)

    def items(self, split: Split) -> Sequence[Item]:
        return self.given

    def picture(self, name: str) -> Image.Image:
        return Image.new("RGB", (32, 16), "grey")


def small(steps: int = 3, **changes: Any) -> SmallCoCa:
    """A model of one layer a side."""
    plan = Pretraining(steps=steps, batch_size=8, learning_rate=0.01, warmup=1)
    return SmallCoCa(pretraining=plan, **{**TINY, **changes})


def captioner(data: PictureData, *, steps: int = 3, sharp: float = 1.0) -> Captioner:
    """A small one, its logits ``sharp`` times as large."""
    loaded = small(steps).load(data)
    with torch.no_grad():
        loaded.model.text_decoder.text_projection.mul_(sharp)
    return loaded


def pictures(loaded: Captioner, data: PictureData, folder: Path | None = None, *, pixels: bool = False) -> Pictures:
    """Pixels, or features in the cache folder."""
    names = picture_names(data)
    if pixels:
        return Pixels(loaded, data, names)
    return features(loaded, data, names, "refuse", folder, torch.device("cpu"))


def policy(data: PictureData, *, train_encoder: bool = False, **changes: Any) -> VisionLanguagePolicy:
    """A policy on a small captioner."""
    loaded = captioner(data)
    return VisionLanguagePolicy(loaded, pictures(loaded, data, pixels=train_encoder), train_encoder, **changes)


def environment(data: PictureData, made: VisionLanguagePolicy, **changes: Any) -> PictureEnvironment:
    """An environment at the beginning of an epoch."""
    place = PictureEnvironment(data, made.vocabulary, **{**PLACES, **changes})
    place.begin(0)
    return place


def stirred(made: VisionLanguagePolicy, seed: int) -> VisionLanguagePolicy:
    """The policy, its trained weights moved at random."""
    generator = torch.Generator().manual_seed(seed)
    moved = {name: w + 0.1 * torch.randn(w.shape, generator=generator) for name, w in made.weights().items()}
    made.load_weights(moved)
    return made
