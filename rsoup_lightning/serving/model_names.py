"""Models' names that say λ: ``review@0.3,0.7``, or ``review@liking=0.3,critic=0.7``."""

from __future__ import annotations

from collections.abc import Sequence

from rsoup_lightning.errors import CoefficientError
from rsoup_lightning.simplex import Coefficients, check_coefficients, check_named_coefficients

AT = "@"
"""What stands between the soup's name and λ."""


def model_name(soup: str, coefficients: Coefficients) -> str:
    """The name of a soup's model at λ.

    >>> model_name("review", (0.3, 0.7))
    'review@0.3,0.7'
    """
    return f"{soup}{AT}{','.join(f'{weight:.12g}' for weight in coefficients)}"


def coefficients_in(text: str, experts: Sequence[str]) -> Coefficients:
    """λ as it stands in a model's name: one weight per expert, or weights of some, by their names.

    >>> coefficients_in("0.3,0.7", ["liking", "critic"])
    (0.3, 0.7)
    >>> coefficients_in("critic=1", ["liking", "critic"])
    (0.0, 1.0)

    Raises:
        UnknownNameError: a name that is not an expert.
        CoefficientError: it is no λ, or not on the simplex.
    """
    parts = [part.partition("=") for part in text.split(",")]
    named = {name.strip(): _number(weight, text) for name, equals, weight in parts if equals}
    if not named:
        return check_coefficients([_number(part, text) for part, _, _ in parts], len(experts))
    if len(named) != len(parts):
        raise CoefficientError(f"{text!r} is no λ: name every expert once, or give a weight for each of {len(experts)}")
    return check_named_coefficients(named, experts)


def _number(text: str, whole: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise CoefficientError(f"{whole!r} is no λ: {text.strip()!r} is not a number") from None
