"""Rewards of emoji: whose design they look like, and whether they still look like emoji."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import cache

import numpy as np
import torch
from PIL.Image import Resampling
from torch import Tensor

from rsoup_lightning.modalities.diffusion.rewards import Realism, Recognition, TrainedStyle
from rsoup_lightning.modalities.diffusion.rewards.features import SIDE
from rsoup_lightning.modalities.pictures import in_rgb
from tasks.emoji.packaged import LOOKS, Look, emoji_picture, emojis


class GoogleStyle(TrainedStyle):
    """Log-odds that an emoji on white is drawn by Google (outlines, shading, bright colours) and not by Twitter."""

    pictures_name = "emoji-google-twitter-1"

    def pictures(self) -> tuple[Tensor, Tensor]:
        return _drawn("google"), _drawn("twitter")


class TwitterStyle(TrainedStyle):
    """Log-odds that an emoji on white is drawn by Twitter (flat areas of few colours) and not by Google."""

    pictures_name = "emoji-twitter-google-1"

    def pictures(self) -> tuple[Tensor, Tensor]:
        return _drawn("twitter"), _drawn("google")


class EmojiRealism(Realism):
    """How near a picture's colours and contrasts are to those of emoji on white, of both designs."""

    def pictures(self) -> Tensor:
        return torch.cat([_drawn(look) for look in LOOKS])


class EmojiRecognition(Recognition):
    """Whether a picture is more like the emoji of its name, in either design, than like other emoji."""

    def named_pictures(self) -> Mapping[str, Tensor]:
        numbers = defaultdict(list)
        for number, emoji in enumerate(emojis()):
            numbers[emoji.name].append(number)
        looks = torch.stack([_pixels(look) for look in LOOKS], 1)
        return {name: looks[rows].flatten(0, 1) for name, rows in numbers.items()}


def _drawn(look: Look) -> Tensor:
    """``[N, 3, SIDE, SIDE]`` the emoji in a design, without variants in skin tone, which are half of all."""
    return _pixels(look)[[number for number, emoji in enumerate(emojis()) if not emoji.has_skin_tone]]


@cache  # every stage of a run builds its rewards anew, and two of them read all files
def _pixels(look: Look) -> Tensor:
    """``[N, 3, SIDE, SIDE]`` all emoji in a design, on white, in their order. Do not change it: others get the same."""
    pictures = [in_rgb(emoji_picture(emoji.code, look)) for emoji in emojis()]
    pixels = np.stack([np.asarray(picture.resize((SIDE, SIDE), Resampling.LANCZOS)) for picture in pictures])
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
