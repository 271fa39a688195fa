"""Boxes on pictures, for people to look at."""

from __future__ import annotations

from PIL import ImageDraw
from PIL.Image import Image, Resampling

from rsoup_lightning.modalities.data import Box

WANTED, GIVEN = "#2ca02c", "#d62728"
SMALLEST = 192  # pixels; lines on fewer hide what they surround


def with_boxes(picture: Image, wanted: Box | None, given: Box | None) -> Image:
    """A copy of a picture with the box that is wanted, if any, in green, and the one that was given, if any, in red."""
    factor = max(1, -(-SMALLEST // max(picture.size)))
    copy = picture.resize((picture.width * factor, picture.height * factor), Resampling.NEAREST)
    draw = ImageDraw.Draw(copy)
    for box, colour in ((wanted, WANTED), (given, GIVEN)):
        if box is not None:
            corners = [min(edge * side, side - 1) for edge, side in zip(box, copy.size * 2, strict=True)]
            draw.rectangle(corners, outline=colour, width=2)
    return copy
