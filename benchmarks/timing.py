"""Measures two contestants in turns, so that a machine whose speed drifts treats them alike."""

from __future__ import annotations

import json
import math
import statistics
import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

LIMIT = 210  # seconds for the rounds of a script, which leaves time to prepare within five minutes


@dataclass(frozen=True)
class Rounds:
    """Numbers of rounds: 0 for one that only warms up, then from 1 those that count.

    Args:
        most: counted rounds.
        seconds: that all may take, the first included. Fewer are counted where they would take longer, but always one.
    """

    most: int
    seconds: float = math.inf

    @classmethod
    def asked(cls, most: int, parser: ArgumentParser | None = None) -> Rounds:
        """As many as the command line's ``--rounds``, or else ``most`` within the limit.

        Args:
            most: counted rounds.
            parser: of a script that asks for more than that.
        """
        parser = parser or ArgumentParser(description=sys.modules["__main__"].__doc__)
        parser.add_argument("--rounds", type=int, help=f"counted rounds (default: {most}, or what {LIMIT} s allow)")
        given = parser.parse_args().rounds
        return cls(most, LIMIT) if given is None else cls(given)

    def share(self, part: float) -> Rounds:
        """The same for one of several comparisons, with this part of the time."""
        return replace(self, seconds=self.seconds * part)

    def __iter__(self) -> Iterator[int]:
        start = time.perf_counter()
        yield 0
        fitting = self.seconds / (time.perf_counter() - start) - 1
        yield from range(1, 1 + max(1, math.floor(min(self.most, fitting))))


def in_turns(ours: Callable[[], float], peer: Callable[[], float], rounds: Rounds) -> dict[str, float]:
    """Rates of both, measured alternately.

    Args:
        ours: runs once and returns our rate.
        peer: likewise.
        rounds: how often.

    Returns:
        Median rates and the median of the ratios ours / peer, round by round.
    """
    return all_in_turns(ours, {"peer": peer}, rounds)["peer"]


def all_in_turns(
    ours: Callable[[], float], peers: Mapping[str, Callable[[], float]], rounds: Rounds
) -> dict[str, dict[str, float]]:
    """What :func:`in_turns` gives, against each of several peers, one after the other in each round.

    Args:
        ours: runs once and returns our rate.
        peers: likewise, by name.
        rounds: how often.
    """
    measured: dict[str, list[tuple[float, float]]] = {name: [] for name in peers}
    for index in rounds:
        mine, theirs = ours(), {name: peer() for name, peer in peers.items()}
        if index:
            for name, rate in theirs.items():
                measured[name].append((mine, rate))
            listed = "  ".join(f"{name} {rate:,.0f}  ratio {mine / rate:.2f}" for name, rate in theirs.items())
            print(f"  round {index}: ours {mine:,.0f}  {listed}", flush=True)
    return {
        name: {
            "ours": statistics.median(mine for mine, _ in pairs),
            "peer": statistics.median(theirs for _, theirs in pairs),
            "ratio": statistics.median(mine / theirs for mine, theirs in pairs),
        }
        for name, pairs in measured.items()
    }


def report(name: str, unit: str, result: dict[str, float], **more: float) -> None:
    """The closing JSON line."""
    values = {key: round(value, 3) for key, value in {**result, **more}.items()}
    print(json.dumps({"name": name, "unit": unit, **values}))


def accelerator(device: str) -> str:
    """What Lightning calls a device, cpu or cuda."""
    return "gpu" if device == "cuda" else device


def synchronise(device: str) -> None:
    """Wait for what a GPU was given to compute, before a clock is read."""
    if device == "cuda":
        import torch

        torch.cuda.synchronize()


class Clock:
    """When each step of a training ended, on a device; its gaps are the seconds of the steps but the first."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._ends: list[float] = []

    def tick(self) -> None:
        """A step has ended."""
        synchronise(self._device)
        self._ends.append(time.perf_counter())

    def seconds(self) -> list[float]:
        """Of each step from the second on."""
        return [end - start for start, end in pairwise(self._ends)]
