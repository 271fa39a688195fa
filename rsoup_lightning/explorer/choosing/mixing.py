"""λ as a page handles it: moved one weight at a time, written into an address, and read from one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import quote, unquote

from rsoup_lightning.errors import CoefficientError, ConfigError
from rsoup_lightning.simplex import check_named_coefficients, rounded

DIGITS = 4  # of a weight; finer than a hand can move it

Mix = dict[str, float]
"""λ, expert to weight: all of them, on the simplex."""


def even(experts: Sequence[str]) -> Mix:
    """All experts alike.

    >>> even(["risky", "cautious"])
    {'risky': 0.5, 'cautious': 0.5}
    """
    return whole(dict.fromkeys(experts, 1 / len(experts)))


def alone(experts: Sequence[str], expert: str) -> Mix:
    """One expert as it was trained."""
    return {name: float(name == expert) for name in experts}


def moved(mix: Mapping[str, float], expert: str, weight: float) -> Mix:
    """λ after one weight was set: the others keep their proportions, or share alike where all of them were zero.

    >>> moved({"a": 0.5, "b": 0.3, "c": 0.2}, "a", 0.0)
    {'a': 0.0, 'b': 0.6, 'c': 0.4}
    """
    weight = min(max(weight, 0.0), 1.0)
    others = {name: share for name, share in mix.items() if name != expert}
    total = sum(others.values())
    shares = {name: (share / total if total else 1 / len(others)) for name, share in others.items()}
    return whole({name: weight if name == expert else (1 - weight) * shares[name] for name in mix})


def whole(mix: Mapping[str, float]) -> Mix:
    """λ in as many digits as a page shows."""
    return rounded(mix, DIGITS)


def line(start: Mapping[str, float], end: Mapping[str, float], stops: int) -> list[Mix]:
    """λ at even distances on the way from one to another, both of them included.

    >>> line({"a": 1.0, "b": 0.0}, {"a": 0.0, "b": 1.0}, 3)
    [{'a': 1.0, 'b': 0.0}, {'a': 0.5, 'b': 0.5}, {'a': 0.0, 'b': 1.0}]
    """
    ways = [number / (stops - 1) for number in range(stops)]
    return [whole({name: (1 - way) * start[name] + way * end[name] for name in start}) for way in ways]


def nearest(mix: Mapping[str, float], stops: Sequence[Mix], *, within: float) -> int | None:
    """Which of some λ is nearest to this one; None where some weight of it, too, is further off than ``within``.

    >>> stops = line({"a": 1.0, "b": 0.0, "c": 0.0}, {"a": 0.0, "b": 1.0, "c": 0.0}, 3)
    >>> nearest({"a": 0.4, "b": 0.6, "c": 0.0}, stops, within=0.25)
    1
    >>> nearest({"a": 0.3, "b": 0.3, "c": 0.4}, stops, within=0.25)
    """
    far = [max(abs(weight - stop[name]) for name, weight in mix.items()) for stop in stops]
    closest = min(range(len(stops)), key=far.__getitem__)
    return closest if far[closest] <= within + 10**-DIGITS else None


def in_address(mix: Mapping[str, float]) -> str:
    """λ as a part of an address.

    >>> in_address({"risky": 0.7, "cautious": 0.3})
    'risky:0.7,cautious:0.3'
    """
    return ",".join(f"{quote(name)}:{weight:.{DIGITS}g}" for name, weight in mix.items())


def of_address(text: str, experts: Sequence[str]) -> Mix:
    """λ of a part of an address.

    Raises:
        ConfigError: not a list of ``expert:weight``.
        UnknownNameError: no such expert.
        CoefficientError: off the simplex.
    """
    mix: Mix = {}
    for part in text.split(","):
        name, _, weight = part.rpartition(":")
        try:
            mix[unquote(name)] = float(weight)
        except ValueError:
            raise ConfigError(f"the address says at={text}: write it as at={in_address(even(experts))}") from None
    if any(not 0 <= weight <= 1 for weight in mix.values()):
        raise CoefficientError(f"the address says at={text}: weights are between 0 and 1")
    check_named_coefficients(mix, experts)
    return whole({name: mix.get(name, 0.0) for name in experts})


def in_words(mix: Mapping[str, float]) -> str:
    """λ for people.

    >>> in_words({"risky": 0.7, "cautious": 0.3})
    'risky 0.7 · cautious 0.3'
    """
    return " · ".join(f"{name} {weight:.3g}" for name, weight in mix.items())
