"""A slider from zero to one."""

from __future__ import annotations

from collections.abc import Callable

from nicegui.element import Element

THROTTLE = 0.04
"""Seconds between two moves that the browser tells of."""


class Slider(Element, component="slider.js"):
    """The weight of one expert.

    Args:
        label: what it says to who cannot see it.
        start: where it stands.
        slid: called with where a hand has put it.
    """

    def __init__(self, label: str, start: float, slid: Callable[[float], None]) -> None:
        super().__init__()
        self._props["label"], self._props["start"] = label, start
        self.on("slide", lambda event: slid(float(event.args)), throttle=THROTTLE)

    def show(self, at: float) -> None:
        """Put it elsewhere."""
        self.run_method("show", at)
