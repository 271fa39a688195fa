"""Coefficients rounded to a lattice of the simplex, so that as many λ as are asked for need only so many adapters."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor

from rsoup_lightning.simplex import Coefficients


def on_lattice(coefficients: Sequence[float], steps: int) -> Coefficients:
    """The nearest λ whose entries are multiples of 1/steps and sum to one, by largest remainders.

    All are rounded down, and what is then missing goes to those that lost most, of equal ones to the first. Points of
    the lattice stay as they are, and no entry moves by 1/steps or more.

    >>> on_lattice([0.31, 0.69], 20)
    (0.3, 0.7)
    >>> on_lattice([1 / 3, 1 / 3, 1 / 3], 20)
    (0.35, 0.35, 0.3)
    >>> on_lattice([0.3, 0.7], 20) == (0.3, 0.7)
    True

    Args:
        coefficients: λ on the simplex.
        steps: of the lattice along each edge of the simplex, at least one.
    """
    shares = [round(weight * steps, 6) for weight in coefficients]  # 0.29 * 100 is a little less than 29
    counts = [floor(share) for share in shares]
    lost = sorted(range(len(shares)), key=lambda i: counts[i] - shares[i])
    for i in lost[: max(0, steps - sum(counts))]:
        counts[i] += 1
    return tuple(count / steps for count in counts)
