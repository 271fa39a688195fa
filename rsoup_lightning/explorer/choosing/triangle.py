"""Three experts as the corners of a triangle: a place in it is a λ."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from nicegui.element import Element

from rsoup_lightning.explorer.choosing.slider import THROTTLE


class Triangle(Element, component="triangle.js"):
    """A triangle to click and drag in, and to walk in by the arrow keys.

    Args:
        experts: the names of its corners: top, left, right.
        mix: λ that it shows.
        pointed: called with the weights of a place that was pointed at.
    """

    def __init__(
        self, experts: Sequence[str], mix: Mapping[str, float], pointed: Callable[[list[float]], None]
    ) -> None:
        super().__init__()
        self._props["names"] = list(experts)
        self._props["start"] = list(mix.values())
        self.on("point", lambda event: pointed(list(map(float, event.args))), throttle=THROTTLE)

    def point(self, mix: Mapping[str, float]) -> None:
        """Show another λ."""
        self.run_method("show", list(mix.values()))
