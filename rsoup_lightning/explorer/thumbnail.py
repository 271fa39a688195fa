"""A front as a small drawing for its card: the sweep over λ, experts, init and baselines, without axes."""

from __future__ import annotations

from collections.abc import Callable

from rsoup_lightning.front.record import Record
from rsoup_lightning.report import view

WIDTH, HEIGHT, MARGIN = 280, 150, 14
SIZE = 4.0  # half the side, or the radius, of a mark


def thumbnail(record: Record) -> str:
    """The first two rewards of a front as SVG, in the colours of its other pictures."""
    x, y = view.reward_pairs(record)[0]
    across, up = _scale(record, x, WIDTH), _scale(record, y, HEIGHT)

    def place(point: Record) -> tuple[float, float]:
        return across(point["scores"][x]), HEIGHT - up(point["scores"][y])

    lines = "".join(_line(line, [place(point) for point in line.points]) for line in view.lines(record))
    marks = "".join(
        _mark(group.mark, *place(point)) for group in view.groups(record) for point in group.points.values()
    )
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" aria-hidden="true">{lines}{marks}</svg>'


def _scale(record: Record, reward: str, length: int) -> Callable[[float], float]:
    """From a reward's score to a place along a side."""
    scores = view.column(record["points"], reward)
    low, span = min(scores), (max(scores) - min(scores)) or 1.0
    return lambda score: MARGIN + (length - 2 * MARGIN) * (score - low) / span


def _line(line: view.Line, places: list[tuple[float, float]]) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    dots = ' stroke-dasharray="2 4"' if line.dotted else ""
    return f'<polyline points="{path}" fill="none" stroke="{line.color}" stroke-width="1.3"{dots}/>'


def _mark(mark: view.Mark, x: float, y: float) -> str:
    opacity = ' opacity="0.3"' if mark.faded else ""
    style = f'fill="none" stroke="{mark.color}"' if mark.hollow else f'fill="{mark.color}"'
    if mark.marker == "o":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{SIZE}" {style}{opacity}/>'
    turned = f' transform="rotate(45 {x:.1f} {y:.1f})"' if mark.marker in "XD" else ""
    corner = f'x="{x - SIZE:.1f}" y="{y - SIZE:.1f}" width="{2 * SIZE}" height="{2 * SIZE}"'
    if mark.marker == "X":  # a thin cross of two bars
        bars = ((2 * SIZE, SIZE / 2), (SIZE / 2, 2 * SIZE))
        return "".join(
            f'<rect x="{x - w / 2:.1f}" y="{y - h / 2:.1f}" width="{w}" height="{h}" {style}{opacity}{turned}/>'
            for w, h in bars
        )
    return f"<rect {corner} {style}{opacity}{turned}/>"
