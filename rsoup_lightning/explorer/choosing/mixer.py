"""Where λ is set by hand: a slider between two experts, a triangle and sliders for three, sliders for more."""

from __future__ import annotations

from functools import partial

from nicegui import ui

from rsoup_lightning.explorer.choosing import mixing
from rsoup_lightning.explorer.choosing.selection import Selection
from rsoup_lightning.explorer.choosing.slider import Slider
from rsoup_lightning.explorer.choosing.triangle import Triangle
from rsoup_lightning.explorer.parts.elements import box, set_text, tag

POINTER = object()
"""Stands for the triangle where an expert's name stands for its slider."""


class Mixer:
    """The controls of λ; they follow when it is set elsewhere.

    Args:
        selection: whose λ.
    """

    def __init__(self, selection: Selection) -> None:
        self._selection = selection
        self._sliders: dict[str, Slider] = {}
        self._held: object = None  # what a hand is moving: an expert's slider, or the triangle
        self._numbers: dict[str, ui.html] = {}
        self._triangle = (
            Triangle(selection.experts, selection.mix, self._pointed) if len(selection.experts) == 3 else None
        )
        with box("weights"):
            if len(selection.experts) == 2:
                self._between(*selection.experts)
            elif len(selection.experts) > 2:
                for expert in selection.experts:
                    self._weight(expert)
        self._write()  # all else begins where λ is
        selection.on_move(self._show)

    def _between(self, first: str, second: str) -> None:
        """One slider, from the first expert on its left to the second on its right."""
        with box("ends"):
            for name in (first, second):
                with box("ends").style("gap: .5em"):
                    tag("span", name)
                    self._numbers[name] = tag("b", "", "number")
        self._sliders[second] = self._slider(second, f"λ, from {first} to {second}")

    def _weight(self, expert: str) -> None:
        with box("weight"):
            tag("span", expert)
            self._numbers[expert] = tag("b", "", "number")
            self._sliders[expert] = self._slider(expert, f"λ of {expert}")

    def _slider(self, expert: str, label: str) -> Slider:
        return Slider(label, self._selection.mix[expert], partial(self._slid, expert))

    def _slid(self, expert: str, weight: float) -> None:
        self._held = expert
        self._selection.move(mixing.moved(self._selection.mix, expert, weight))
        self._held = None

    def _pointed(self, weights: list[float]) -> None:
        self._held = POINTER
        self._selection.move(mixing.whole(dict(zip(self._selection.experts, weights, strict=True))))
        self._held = None

    def _write(self) -> None:
        for expert, number in self._numbers.items():
            set_text(number, f"{self._selection.mix[expert]:.2f}")

    def _show(self) -> None:
        self._write()
        for expert, slider in self._sliders.items():
            if expert != self._held:  # that one is where the hand is, which may be further on by now
                slider.show(self._selection.mix[expert])
        if self._triangle and self._held != POINTER:
            self._triangle.point(self._selection.mix)
