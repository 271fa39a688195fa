"""Points of the simplex: coefficients λ over experts and preferences μ over rewards.

Notation: E experts (or rewards), ``steps`` grid values per edge, both ends included.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from math import isfinite
from typing import Literal

from rsoup_lightning.errors import CoefficientError, UnknownNameError

Coefficients = tuple[float, ...]
GridKind = Literal["simplex", "pairs", "uniform", "one_hot"]

LINEAR, OUTPUTS, DRAWN = "linear", "outputs", "drawn outputs"
"""How experts are mixed at λ: their weights averaged, their outputs at each step, or one drawn for each step."""
OF_OUTPUTS = (OUTPUTS, DRAWN)
"""Those that no merged weights play."""

TOLERANCE = 1e-6  # how far from one a sum of coefficients may be: float rounding of a written grid


def rounded(weights: Mapping[str, float], digits: int) -> dict[str, float]:
    """Weights in round numbers that still sum to one: the largest takes the difference.

    >>> rounded({"a": 1 / 3, "b": 1 / 3, "c": 1 / 3}, 3)
    {'a': 0.334, 'b': 0.333, 'c': 0.333}
    """
    found = {name: round(weight, digits) for name, weight in weights.items()}
    largest = max(found, key=lambda name: found[name])
    found[largest] = round(1 - sum(weight for name, weight in found.items() if name != largest), digits)
    return found


def one_hot(experts: int) -> list[Coefficients]:
    """The E corners: each expert alone.

    >>> one_hot(2)
    [(1.0, 0.0), (0.0, 1.0)]
    """
    return [tuple(float(i == j) for j in range(experts)) for i in range(experts)]


def uniform(experts: int) -> list[Coefficients]:
    """The single centre point, where every expert weighs 1/E (the "uniform soup").

    >>> uniform(4)
    [(0.25, 0.25, 0.25, 0.25)]
    """
    return [(1.0 / experts,) * experts]


def simplex(experts: int, steps: int) -> list[Coefficients]:
    """The regular lattice: every λ whose entries are multiples of 1/(steps - 1), first expert's λ ascending.

    For two experts that is the paper's sweep 0, 1/(steps-1), ..., 1. The lattice of E experts has
    C(steps + E - 2, E - 1) points.

    >>> simplex(2, 3)
    [(0.0, 1.0), (0.5, 0.5), (1.0, 0.0)]
    >>> len(simplex(3, 11))
    66
    """
    _require_steps(steps)
    total = steps - 1

    def compositions(left: int, parts: int) -> list[tuple[int, ...]]:
        if parts == 1:
            return [(left,)]
        return [(head, *tail) for head in range(left + 1) for tail in compositions(left - head, parts - 1)]

    return [tuple(part / total for part in parts) for parts in compositions(total, experts)]


def pairs(experts: int, steps: int) -> list[Coefficients]:
    """The edges of the simplex: a sweep between every pair of experts, shared corners listed once.

    >>> len(pairs(3, 5))
    12
    """
    _require_steps(steps)
    points: dict[Coefficients, None] = {}
    for first, second in combinations(range(experts), 2):
        for share, rest in simplex(2, steps):
            point = [0.0] * experts
            point[first], point[second] = share, rest
            points[tuple(point)] = None
    return list(points)


def grid(experts: int, steps: int, kind: GridKind = "simplex") -> list[Coefficients]:
    """The λ values to evaluate.

    Args:
        experts: number of experts E, at least one.
        steps: grid values per edge, both ends included (ignored by ``uniform`` and ``one_hot``).
        kind: ``simplex`` (the whole lattice), ``pairs`` (edges only, with the centre where E > 2),
            ``uniform`` (the centre and the corners) or ``one_hot`` (the corners).

    Raises:
        CoefficientError: fewer than one expert, fewer than two steps, or an unknown kind.
    """
    if experts < 1:
        raise CoefficientError("a grid of coefficients needs at least one expert")
    if experts == 1 or kind == "one_hot":
        return one_hot(experts)
    if kind == "simplex":
        return simplex(experts, steps)
    if kind == "pairs":
        return pairs(experts, steps) + (uniform(experts) if experts > 2 else [])
    if kind == "uniform":
        return one_hot(experts) + uniform(experts)
    raise CoefficientError(f"unknown grid kind {kind!r}: choose simplex, pairs, uniform or one_hot")


def check_coefficients(coefficients: Sequence[float], experts: int, *, extrapolate: bool | None = None) -> Coefficients:
    """Return λ as a tuple of floats, or say why it is no point of the simplex.

    Args:
        coefficients: one λ per expert.
        experts: number of experts E.
        extrapolate: whether any finite λ will do, also negative ones or sums other than one; None where a user cannot
            ask for that.

    Raises:
        CoefficientError: wrong length, not finite, negative, or not summing to one within 1e-6.
    """
    values = tuple(float(value) for value in coefficients)
    if len(values) != experts:
        raise CoefficientError(f"{len(values)} coefficients for {experts} experts: give one per expert")
    if extrapolate and all(map(isfinite, values)):
        return values
    if fault := _off_simplex(values):
        cure = (
            "; ask to extrapolate if you mean it (--extrapolate)"
            if extrapolate is False and all(map(isfinite, values))
            else ""
        )
        raise CoefficientError(f"coefficients {fault}, got {values}{cure}")
    return values


def rows_per_point(rows: int, points: int) -> int:
    """How many rows of a batch share each of ``points`` λ, as they stand in as many groups of one size.

    Raises:
        CoefficientError: they cannot.
    """
    if rows % points or not rows:
        raise CoefficientError(f"{points} rows of coefficients for {rows} rows of the batch, which is not a multiple")
    return rows // points


def check_preference(preference: Mapping[str, float], rewards: Sequence[str]) -> dict[str, float]:
    """Return μ over all ``rewards`` (absent ones weigh zero), or say what is wrong with it.

    >>> check_preference({"risky": 1}, ["risky", "cautious"])
    {'risky': 1.0, 'cautious': 0.0}

    Raises:
        UnknownNameError: a name that is not a reward.
        CoefficientError: weights off the simplex.
    """
    return _whole(preference, rewards, "reward", "the weights of a preference")


def check_named_coefficients(coefficients: Mapping[str, float], experts: Sequence[str]) -> Coefficients:
    """Return λ over all ``experts`` (absent ones weigh zero), or say what is wrong with it.

    >>> check_named_coefficients({"cautious": 1}, ["risky", "cautious"])
    (0.0, 1.0)

    Raises:
        UnknownNameError: a name that is not an expert.
        CoefficientError: coefficients off the simplex.
    """
    return tuple(_whole(coefficients, experts, "expert", "coefficients").values())


def _whole(given: Mapping[str, float], names: Sequence[str], kind: str, what: str) -> dict[str, float]:
    """Weights of all ``names``, checked."""
    if not isinstance(given, Mapping):
        raise CoefficientError(f"{what} must be a mapping, each {kind} to its weight, not {given!r:.60}")
    for name in given:
        if name not in names:
            raise UnknownNameError(kind, str(name), names)
    try:
        values = {name: float(given.get(name, 0.0)) for name in names}
    except (TypeError, ValueError):
        raise CoefficientError(f"{what} must be numbers, got {dict(given)!r:.60}") from None
    if fault := _off_simplex(list(values.values())):
        raise CoefficientError(f"{what} {fault}, got {dict(given)}")
    return values


def _off_simplex(values: Sequence[float]) -> str:
    """What is wrong with weights that should lie on the simplex, or nothing."""
    if not all(map(isfinite, values)):
        return "must be finite"
    if any(value < 0 for value in values):
        return "must not be negative"
    total = sum(values)
    return f"must sum to 1 and not to {total:.6g}" if abs(total - 1) > TOLERANCE else ""


def _require_steps(steps: int) -> None:
    if steps < 2:
        raise CoefficientError(f"a sweep needs at least 2 values of λ, got {steps}")
