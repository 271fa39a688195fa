"""How warm people call the colours of a picture, and a reward for a taste that has a favourite warmth."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.diffusion.rewards.images import ImageReward

DRAWN = 15.0
"""How far from white, in CIELAB, a pixel is at least where something is drawn; a tint of less is still background."""

_LINEAR_TO_XYZ = (
    (0.4124564, 0.3575761, 0.1804375),
    (0.2126729, 0.7151522, 0.0721750),
    (0.0193339, 0.1191920, 0.9503041),
)
"""Of sRGB (IEC 61966-2-1), whose white is D65."""
_EDGE = 6 / 29


class Warmth(ImageReward):
    """Minus the squared distance of a picture's warmth from an ideal one.

    A warmth is that of :func:`warmth`, averaged over what is drawn on a white background: what people feel at colours
    side by side is the mean of what they feel at each (Ou et al. 2004, part II). A taste with a favourite is modelled
    as a loss around it (Coombs 1964): who likes things warm does not want them all orange. Use it with a guard that
    knows the thing, such as ``Recognition``: greys, and pictures of nothing, have a warmth, too.

    Args:
        ideal: the warmth that is liked best: that of greys is -0.5, of a blue sky -1.3, of an orange 1.6.

    Raises:
        ConfigError: ``ideal`` is not finite.
    """

    def __init__(self, ideal: float = 0.0) -> None:
        if not math.isfinite(ideal):
            raise ConfigError(f"ideal is {ideal}: give a warmth, such as -0.6 for cool pictures or 0.4 for warm ones")
        self.ideal = ideal

    def rate(self, images: Tensor, prompts: Sequence[str]) -> Tensor:
        return -(mean_warmth(images) - self.ideal).square()


def mean_warmth(images: Tensor) -> Tensor:
    """``[B]`` the mean :func:`warmth` of what is drawn on white; -0.5, that of white, where nothing is.

    Args:
        images: ``[B, 3, H, W]`` from 0 to 1.
    """
    colours = cielab(images)
    white = colours.new_tensor((100, 0, 0)).view(1, 3, 1, 1)
    drawn = (colours - white).square().sum(1) > DRAWN**2
    drawn |= ~drawn.any(2, keepdim=True).any(1, keepdim=True)
    return (warmth(colours) * drawn).sum((1, 2)) / drawn.sum((1, 2))


def warmth(colours: Tensor) -> Tensor:
    """``[B, H, W]`` how warm people call colours: -0.5 + 0.02 C^1.07 cos(h - 50 deg), of their chroma C and hue h.

    WC of Ou, Luo, Woodcock and Wright, "A study of colour emotion and colour preference. Part I: Colour emotions for
    single colours" (2004). Blue is coolest, and a red orange warmest.

    Args:
        colours: ``[B, 3, H, W]`` L*, a* and b* of CIELAB.
    """
    _, a, b = colours.unbind(1)
    chroma, hue = torch.hypot(a, b), torch.atan2(b, a)
    return -0.5 + 0.02 * chroma.pow(1.07) * torch.cos(hue - math.radians(50))


def cielab(images: Tensor) -> Tensor:
    """``[B, 3, H, W]`` L*, a* and b* (CIE 15) of pictures in sRGB.

    Args:
        images: ``[B, 3, H, W]`` from 0 to 1.

    >>> red = torch.tensor([1.0, 0, 0]).view(1, 3, 1, 1)
    >>> [round(value, 1) for value in cielab(red).flatten().tolist()]
    [53.2, 80.1, 67.2]
    """
    linear = torch.where(images <= 0.04045, images / 12.92, ((images + 0.055) / 1.055).pow(2.4))
    to_xyz = images.new_tensor(_LINEAR_TO_XYZ)
    shares = torch.einsum("xc,bchw->xbhw", to_xyz / to_xyz.sum(1, keepdim=True), linear)
    x, y, z = torch.where(shares > _EDGE**3, shares.pow(1 / 3), shares / (3 * _EDGE**2) + 4 / 29)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], 1)
