"""Boxes that are right, by their size."""

from __future__ import annotations

from rsoup_lightning.modalities.vision_language.rewards import BoxHit


class SmallHit(BoxHit):
    """1 for a right box of a small thing; others give 0, so that the mean is a share of all items."""

    def __init__(self) -> None:
        super().__init__("small")


class MediumHit(BoxHit):
    """1 for a right box of a medium thing; others give 0, so that the mean is a share of all items."""

    def __init__(self) -> None:
        super().__init__("medium")


class LargeHit(BoxHit):
    """1 for a right box of a large thing; others give 0, so that the mean is a share of all items."""

    def __init__(self) -> None:
        super().__init__("large")
