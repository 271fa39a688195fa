"""The exception family. Every error a user can cause is one of these, and says what to do about it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from difflib import get_close_matches
from math import inf, isfinite
from types import ModuleType

SHOWN = 12  # names: an error that knows more of them lists those that are near


class RSoupError(Exception):
    """Base of all errors raised on purpose by rsoup_lightning. The command line prints them without a traceback.

    What cannot be printed, as a damaged file may have in its names, is escaped.

    >>> str(RSoupError("no tensor '\x1b[2J'"))
    "no tensor '\\\\x1b[2J'"
    """

    def __init__(self, message: str) -> None:
        shown = (c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in message)
        super().__init__("".join(shown))


class RSoupWarning(UserWarning):
    """Something a user should know of that stops nothing. The command line prints it in one line."""


class UnknownNameError(RSoupError):
    """A name that is not among the known ones.

    >>> str(UnknownNameError("reward", "riski", ["risky", "cautious"]))
    "unknown reward 'riski': did you mean 'risky'? Known: cautious, risky"
    """

    def __init__(self, kind: str, name: str, known: Iterable[str], where: str = "") -> None:
        """``where``: what lists the known ones, if the message is not to."""
        self.kind, self.name, self.known = kind, name, sorted({*known})
        close = get_close_matches(name, self.known, n=1, cutoff=0.5)
        hint = f": did you mean {close[0]!r}?" if close else "."
        some = [*(get_close_matches(name, self.known, n=5, cutoff=0.3) or self.known[:SHOWN]), "..."]
        listed = self.known if len(self.known) <= SHOWN else some
        known_text = f" {where} lists them" if where else f" Known: {', '.join(listed)}" if listed else ""
        super().__init__(f"unknown {kind} {name!r}{hint}{known_text}")


def check_name(kind: str, name: str, known: Collection[str]) -> None:
    """Require one of the known names.

    Raises:
        UnknownNameError: it is none.
    """
    if name not in known:
        raise UnknownNameError(kind, str(name), known)


def absent(module: ModuleType, name: str) -> UnknownNameError:
    """That a module has no ``name``."""
    return UnknownNameError(f"name in {module.__name__}", name, [known for known in dir(module) if known[0] != "_"])


def no_module(said: str, module: str) -> str:
    """What an import of ``module`` ended with, and the cure where it is the module that was not found.

    >>> no_module("No module named 'heater'", "heater")
    "No module named 'heater': if it is yours, run from the folder that holds it, or put that folder on PYTHONPATH"
    """
    absent = f"No module named {module.partition('.')[0]!r}"
    cure = ": if it is yours, run from the folder that holds it, or put that folder on PYTHONPATH"
    return said + cure if said == absent else said


class CoefficientError(RSoupError):
    """Coefficients λ or a preference μ that are not on the simplex, or not for the given names."""


class MergeError(RSoupError):
    """Experts whose weights do not fit each other: keys, shapes, dtypes, or integer buffers that disagree."""


class WeightsError(RSoupError):
    """A weights file that is missing, truncated, or of a format that could run code when opened."""


class OutputError(RSoupError):
    """An output that exists already, cannot be written, or does not fit on the disk."""


class RewardError(RSoupError):
    """A reward that is not finite, has the wrong shape, or needs what the environment does not give."""


class SimulationError(RSoupError):
    """An environment that cannot serve this task, or whose optional package is absent."""


class RunFolderError(RSoupError):
    """A run folder that belongs to another configuration or is not readable."""


class StageError(RSoupError):
    """A stage of a run that could not be computed."""


class WorkerDiedError(StageError):
    """A stage that could not be computed because a process was killed: another try may succeed."""


class FrontError(RSoupError):
    """A front that is damaged, not finite, of another schema, or lacks what is asked of it."""


class ConfigError(RSoupError):
    """A recipe that asks for something impossible."""


def check_at_least_one(**numbers: int | None) -> None:
    """Require that numbers which are given are at least 1.

    Raises:
        ConfigError: one is not; names it.
    """
    for name, number in numbers.items():
        if number is not None and number < 1:
            raise ConfigError(f"{name} is {number}: it must be at least 1")


def check_finite(**numbers: float) -> None:
    """Require that numbers are finite.

    Raises:
        ConfigError: one is not; names it.
    """
    for name, number in numbers.items():
        if not isfinite(number):
            raise ConfigError(f"{name} is {number}: it must be finite")


def check_share(**numbers: float) -> None:
    """Require that numbers are from 0 to 1.

    Raises:
        ConfigError: one is not; names it.
    """
    for name, number in numbers.items():
        if not 0 <= number <= 1:
            raise ConfigError(f"{name} is {number}: it must be from 0 to 1")


def check_positive(**numbers: float | None) -> None:
    """Require that numbers which are given are above 0 and finite.

    Raises:
        ConfigError: one is not; names it.
    """
    for name, number in numbers.items():
        if number is not None and not 0 < number < inf:
            raise ConfigError(f"{name} is {number}: it must be above 0, and finite")


class PictureError(RSoupError):
    """A picture that is missing, unreadable or empty."""
