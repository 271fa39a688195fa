"""Boxes as text, and how well two of them agree."""

from __future__ import annotations

import re
from typing import Literal

from rsoup_lightning.modalities.data import Box

Size = Literal["small", "medium", "large"]

_FOUR_INTEGERS = re.compile(r"\s*([0-9]{1,6})\s+([0-9]{1,6})\s+([0-9]{1,6})\s+([0-9]{1,6})\s*")


def box_text(box: Box, bins: int = 32) -> str:
    """A box in words of a small vocabulary: which of ``bins`` equal strips of the picture each edge is in.

    Coordinates as tokens of the text: Chen et al., "Pix2seq" (2022), section 2.1.

    >>> box_text((0.0, 0.25, 0.5, 1.0), bins=32)
    '0 8 16 31'

    Args:
        box: fractions of the picture's width and height, from 0 to 1.
        bins: strips per axis.

    Returns:
        Left, top, right and bottom edge, each an integer from 0 to ``bins - 1``.
    """
    return " ".join(str(min(max(int(edge * bins), 0), bins - 1)) for edge in box)


def read_box(text: str, bins: int = 32) -> Box | None:
    """The box that a text of :func:`box_text` means: each edge in the middle of its strip.

    An edge is then at most half a strip, 1 / (2 bins) of the picture, from where it was.

    >>> read_box("0 8 16 31", bins=32)
    (0.015625, 0.265625, 0.515625, 0.984375)
    >>> read_box("16 8 0 31", bins=32) is None
    True

    Args:
        text: what was written, by a policy or by :func:`box_text`.
        bins: strips per axis.

    Returns:
        The box, or None where the text is not four integers below ``bins``, or where the right edge is left of the left
        one or the bottom above the top.
    """
    found = _FOUR_INTEGERS.fullmatch(text)
    if found is None:
        return None
    left, top, right, bottom = (int(number) for number in found.groups())
    if max(left, top, right, bottom) >= bins or right < left or bottom < top:
        return None
    return (left + 0.5) / bins, (top + 0.5) / bins, (right + 0.5) / bins, (bottom + 0.5) / bins


def area(box: Box) -> float:
    """The share of the picture that a box covers.

    >>> area((0.0, 0.25, 0.5, 1.0))
    0.375
    """
    left, top, right, bottom = box
    return (right - left) * (bottom - top)


def with_room(box: Box, *rooms: float) -> Box:
    """A box with room around what it holds, as far as the picture goes.

    >>> with_room((0.25, 0.5, 0.5, 1.0), 0.5, 0.5, 1.0, 0.5)
    (0.125, 0.25, 0.75, 1.0)

    Args:
        box: fractions of the picture's width and height.
        *rooms: left, above, right and below, as shares of the box's width or height.
    """
    left, top, right, bottom = box
    width, height = right - left, bottom - top
    before, above, after, below = rooms
    return (
        max(left - before * width, 0.0),
        max(top - above * height, 0.0),
        min(right + after * width, 1.0),
        min(bottom + below * height, 1.0),
    )


def iou(a: Box, b: Box) -> float:
    """Intersection over union of two boxes: 1 where they are equal, 0 where they share nothing or have no area.

    >>> iou((0.0, 0.0, 0.5, 1.0), (0.25, 0.0, 0.75, 1.0))  # doctest: +ELLIPSIS
    0.333...
    """
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / (area(a) + area(b) - shared)


def size_of(box: Box, medium: float = 1 / 16, large: float = 1 / 6) -> Size:
    """Which of three sizes a box has, by the share of the picture that it covers.

    >>> [size_of((0.0, 0.0, edge, edge)) for edge in (0.2, 0.3, 0.5)]
    ['small', 'medium', 'large']

    Args:
        box: fractions of the picture's width and height.
        medium: the smallest share of a medium box.
        large: the smallest share of a large box. Where COCO's 32² and 96² pixels are meant, give their share of the
            pictures at hand: 0.0033 and 0.03 of 640 x 480 pixels.
    """
    share = area(box)
    if share < medium:
        return "small"
    return "medium" if share < large else "large"
