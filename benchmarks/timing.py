"""Measures two contestants in turns, so that a machine whose speed drifts treats them alike."""

from __future__ import annotations

import json
import statistics
import sys
from argparse import ArgumentParser
from collections.abc import Callable


def rounds(default: int) -> int:
    """Counted rounds: the option ``--rounds``, or the script's own number, with which it ends within five minutes."""
    parser = ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("--rounds", type=int, default=default, help="counted rounds (default: %(default)s)")
    return parser.parse_args().rounds


def in_turns(ours: Callable[[], float], peer: Callable[[], float], rounds: int) -> dict[str, float]:
    """Rates of both, measured alternately after one uncounted round.

    Args:
        ours: runs once and returns our rate.
        peer: likewise.
        rounds: counted rounds.

    Returns:
        Median rates and the median of the ratios ours / peer, round by round.
    """
    ours(), peer()
    pairs = [(ours(), peer()) for _ in range(rounds)]
    for index, (mine, theirs) in enumerate(pairs):
        print(f"  round {index}: ours {mine:,.0f}  peer {theirs:,.0f}  ratio {mine / theirs:.2f}")
    return {
        "ours": statistics.median(mine for mine, _ in pairs),
        "peer": statistics.median(theirs for _, theirs in pairs),
        "ratio": statistics.median(mine / theirs for mine, theirs in pairs),
    }


def report(name: str, unit: str, result: dict[str, float], **more: float) -> None:
    """The closing JSON line."""
    values = {key: round(value, 3) for key, value in {**result, **more}.items()}
    print(json.dumps({"name": name, "unit": unit, **values}))
