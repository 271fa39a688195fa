"""What every picture of a front shares: which points, in which views, drawn as what.

Notation: P points, R rewards, E experts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import combinations, permutations

import numpy as np

from rsoup_lightning.front import geometry as fronts
from rsoup_lightning.front.record import Record

EXPERT_COLORS = ("#d62728", "#ff7f0e", "#9467bd", "#8c564b", "#e377c2")  # one each where experts are told apart


@dataclass(frozen=True)
class Mark:
    """How points look: a matplotlib marker, hollow where λ is extrapolated, faded where another point dominates."""

    label: str
    color: str
    marker: str
    hollow: bool = False
    faded: bool = False


@dataclass(frozen=True)
class Group:
    """Points that look the same, by their index in the record."""

    mark: Mark
    points: dict[int, Record]


@dataclass(frozen=True)
class Line:
    """A line through points; without a label it stays out of the legend."""

    label: str
    color: str
    dotted: bool
    points: list[Record]


@dataclass(frozen=True)
class Outline:
    """One policy on the spider map: ``[R]`` scores in the experts' box."""

    label: str
    color: str
    dotted: bool
    index: int
    values: list[float]


MARKS = {
    "soup": Mark("soup (λ)", "#1f77b4", "o"),
    "expert": Mark("expert", "#d62728", "s"),
    "init": Mark("init", "#7f7f7f", "X"),
    "morl": Mark("MORL (μ)", "#2ca02c", "D"),
}
NOTES = (Mark("λ outside [0, 1]", "#333333", "o", hollow=True), Mark("dominated", "#333333", "o", faded=True))


def headline(record: Record) -> list[str]:
    """The result in a few phrases."""
    summary = record["summary"]
    parts = [record["task"]]
    for kind, value in summary["hypervolume_normalised"].items():
        if value is not None:
            interval = summary["hypervolume_normalised_ci95"][kind]
            parts.append(f"{kind} hypervolume {value:.4f}{written_interval(interval, '.4f')}")
    parts.append(f"LMC at {summary['lmc']['holds']} of {summary['lmc']['of']} λ")
    return parts + cautions(record)


def cautions(record: Record) -> list[str]:
    """What to know before believing the figures: policies that broke down, and experts that trade nothing."""
    trained, experts = of_kind(record, "expert", "morl").values(), of_kind(record, "expert").values()
    why = "too little was learnt, or the rewards agree"
    return [f"{short_label(point)}{faults(point)}" for point in trained if faults(point)] + [
        f"{short_label(worse)} is at no reward better than {short_label(better)}: {why}"
        for worse, better in permutations(experts, 2)
        if _dominates(better, worse, record["rewards"])
    ]


def _dominates(better: Record, worse: Record, rewards: Iterable[str]) -> bool:
    ahead = [better["scores"][name] - worse["scores"][name] for name in rewards]
    return min(ahead) >= 0 and max(ahead) > 0


def point_label(point: Record) -> str:
    """What to call a point: its kind, and its λ or μ."""
    weights = point["coefficients"] or point["preference"] or {}
    symbol = "λ" if point["coefficients"] else "μ"
    written = ", ".join(f"{name} {weight:.3g}" for name, weight in weights.items())
    return f"{point['kind']} ({symbol}: {written})" if written else point["kind"]


def short_label(point: Record) -> str:
    """A label for small legends: weights without names, in the order of the experts."""
    weights = point["coefficients"] or point["preference"] or {}
    if point["kind"] == "expert":
        return f"expert {max(weights, key=lambda name: weights[name])}"
    written = ", ".join(f"{weight:.2g}" for weight in weights.values())
    return MARKS[point["kind"]].label.replace(")", f": {written})")


def faults(point: Record) -> str:
    """`` collapsed: `` and by which guards, `` below the limit: `` and which rewards; or nothing."""
    found = {"collapsed": point["collapsed"], "below the limit": point.get("broken", [])}
    return "".join(f" {what}: {', '.join(names)}" for what, names in found.items() if names)


def written_interval(interval: list[float] | None, form: str = ".4g") -> str:
    """`` [low, high]``, or nothing where no interval is known."""
    return f" [{interval[0]:{form}}, {interval[1]:{form}}]" if interval else ""


def of_kind(record: Record, *kinds: str) -> dict[int, Record]:
    """The points of these kinds, by index."""
    return {index: point for index, point in enumerate(record["points"]) if point["kind"] in kinds}


def column(points: Iterable[Record], reward: str) -> list[float]:
    """Scores of one reward."""
    return [point["scores"][reward] for point in points]


def spread(points: Iterable[Record], reward: str) -> tuple[list[float], list[float]]:
    """How far each interval reaches below and above its score; zero where none is known."""
    scores = [(point["scores"][reward], point["ci95"][reward]) for point in points]
    below = [max(score - interval[0], 0.0) if interval else 0.0 for score, interval in scores]
    above = [max(interval[1] - score, 0.0) if interval else 0.0 for score, interval in scores]
    return below, above


def reward_pairs(record: Record) -> list[tuple[str, str]]:
    """The views of a front: every two rewards; a single reward against itself."""
    return list(combinations(record["rewards"], 2)) or [(record["rewards"][0],) * 2]


def grid_shape(panels: int) -> tuple[int, int]:
    """Rows and columns of so many panels: at most three columns, and four make a square.

    >>> [grid_shape(panels) for panels in (1, 3, 4, 7)]
    [(1, 1), (1, 3), (2, 2), (3, 3)]
    """
    columns = 2 if panels == 4 else min(panels, 3)
    return -(-panels // columns), columns


def on_front(record: Record) -> list[bool]:
    """``[P]`` whether no other point is better on every reward."""
    return fronts.pareto_mask(_scores(record, record["points"])).tolist()


def is_extrapolated(point: Record) -> bool:
    """Whether some λ lies outside [0, 1]."""
    return any(not 0 <= weight <= 1 for weight in (point["coefficients"] or {}).values())


def groups(record: Record) -> list[Group]:
    """All points, by how they look."""
    front = on_front(record)
    found: dict[Mark, dict[int, Record]] = {}
    for kind, mark in MARKS.items():
        for index, point in of_kind(record, kind).items():
            look = replace(mark, hollow=is_extrapolated(point), faded=not front[index])
            found.setdefault(look, {})[index] = point
    return [Group(mark, points) for mark, points in found.items()]


def legend(record: Record) -> list[Mark]:
    """One mark per kind of point that there is, then what hollow and faded mean if any is."""
    looks = [group.mark for group in groups(record)]
    kinds = [mark for mark in MARKS.values() if mark.label in {look.label for look in looks}]
    hollow, faded = NOTES
    notes = [(hollow, any(look.hollow for look in looks)), (faded, any(look.faded for look in looks))]
    return kinds + [note for note, needed in notes if needed]


def lines(record: Record) -> list[Line]:
    """Two experts only, where λ is a line: the sweep in the order of λ, and the straight chord it is compared with."""
    if len(record["experts"]) != 2:
        return []
    merged = [point for point in record["points"] if point["coefficients"]]
    sweep = sorted(merged, key=lambda point: point["coefficients"][record["experts"][0]])
    chord = list(of_kind(record, "expert").values())
    return [Line("", MARKS["soup"].color, False, sweep), Line("chord", "#999999", True, chord)]


def in_box(record: Record) -> fronts.Array | None:
    """``[P, R]`` scores in the experts' box: 0 the worst expert, 1 the best. None where the box is flat."""
    try:
        return fronts.normalise(_scores(record, record["points"]), _scores(record, of_kind(record, "expert").values()))
    except fronts.FlatBoxError:
        return None


def outlines(record: Record) -> list[Outline]:
    """The spider map of three rewards or more: the experts, the soup nearest to uniform λ, and MORL."""
    box = in_box(record)
    if len(record["rewards"]) < 3 or box is None:
        return []
    soups = of_kind(record, "soup")
    chosen = {
        **{index: EXPERT_COLORS[number % len(EXPERT_COLORS)] for number, index in enumerate(_corners(record))},
        **dict.fromkeys(sorted(soups, key=lambda index: _from_uniform(soups[index]))[:1], MARKS["soup"].color),
        **dict.fromkeys(of_kind(record, "morl"), MARKS["morl"].color),
    }
    points = record["points"]
    return [
        Outline(short_label(points[index]), color, points[index]["kind"] == "morl", index, box[index].tolist())
        for index, color in chosen.items()
    ]


def spider_range(drawn: list[Outline]) -> tuple[float, float]:
    """Radii of the map's centre and rim: some room inside 0, or experts that are worst on the rest are mere lines."""
    values = np.array([outline.values for outline in drawn])
    return min(-0.25, float(values.min())), max(1.05, float(values.max()))


def _scores(record: Record, points: Iterable[Record]) -> list[list[float]]:
    return [[point["scores"][name] for name in record["rewards"]] for point in points]


def _corners(record: Record) -> list[int]:
    """The experts' points, in the order of the experts."""
    found = of_kind(record, "expert")
    return [index for name in record["experts"] for index in found if found[index]["coefficients"][name] == 1]


def _from_uniform(point: Record) -> float:
    weights = point["coefficients"].values()
    return max(abs(weight - 1 / len(weights)) for weight in weights)
