"""``front.json``: its schema, and the check that everything which reads a front begins with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from rsoup_lightning.errors import FrontError, RunFolderError
from rsoup_lightning.files import read_json

Record = dict[str, Any]
Stages = Mapping[str, Record]
"""What a run has recorded of its finished stages, by their names."""

SCHEMA = 2
"""Of front.json; 2 has standard errors beside every 95 % interval, and their degrees of freedom."""

LIMIT = 1e100
"""The largest number in a front: differences and squares of such are finite too."""

CURE = "delete it and run the command that wrote it again (rsoup soup keeps what it has trained)"


def read_front(run: Path) -> Record:
    """The front of a run folder.

    Raises:
        RunFolderError: there is no run, or one that is not finished.
        FrontError: as of :func:`read_record`.
    """
    if (run / "front.json").is_file():
        return read_record(run / "front.json")
    if (run / "peer.json").is_file():
        raise RunFolderError(
            f"{run} is the training of a peer, which has no front of ours: its scores are in peer.json"
        )
    if (run / "config.yaml").is_file():
        raise RunFolderError(f"the run in {run} is not finished: give its rsoup soup command again")
    chosen = [file.parent for file in run.glob("chosen/*/front.json")]  # of a suite's method with candidates
    names = get_close_matches(run.name, [file.parent.name for file in run.parent.glob("*/front.json")], n=1)
    near = [*chosen, *map(run.with_name, names)]
    cure = f"did you mean {near[0]}?" if near else "give the folder of a run of rsoup soup"
    raise RunFolderError(f"{run} is not a run: {cure}")


def read_record(file: Path) -> Record:
    """The content of a front.json.

    Raises:
        RunFolderError: it is missing, or no JSON.
        FrontError: it is damaged or of another schema; see :func:`check_record`.
    """
    cure = f"give the folder of a run that rsoup soup has completed, or {CURE}"
    return check_record(read_json(file, cure), str(file))


def check_record(record: Any, name: str = "this record") -> Record:
    """``record`` as it is, if it is a whole front.

    Args:
        record: the content of a front.json.
        name: what to call it in an error.

    Raises:
        FrontError: it is of another schema, or an entry is missing or not what it should be; says which.
    """
    front = _Entry(record, "", name)
    schema = front["schema"].require(_COUNT).value
    if schema != SCHEMA:
        age = "an earlier version, without standard errors" if schema < SCHEMA else "a later version"
        raise FrontError(f"{name} has schema {schema}, that of {age}; this version reads schema {SCHEMA}: {CURE}")
    front["task"].require(_TEXT)
    front["degrees_of_freedom"].require(_COUNT)
    rewards, experts = (front[key].require(_NAMES).value for key in ("rewards", "experts"))
    points = [_Entry(point, f"points[{i}]", name) for i, point in enumerate(front["points"].require(_LIST).value)]
    measured = points[0]["scores"].require(_MAPPING).value
    for point in points:
        _check_point(point, rewards, experts, measured)
    for expert in experts:
        if not any(_is_alone(point.value, expert) for point in points):
            raise FrontError(f"{name} is not a whole front: no point is the expert {expert!r} alone; {CURE}")
    if "limits" in front.value:
        front["limits"].each(_FINITE)
    _check_summary(front["summary"], rewards)
    return front.value


def mixing_of(record: Record) -> str:
    """How the experts of a front are mixed: the ``method`` of their own points."""
    return next(str(point["method"]) for point in record["points"] if point["kind"] == "expert")


def mixtures(record: Record) -> dict[int, Record]:
    """The points at λ, experts alone included, by their places among all points."""
    mixing, kinds = mixing_of(record), ("expert", "soup")
    return {i: p for i, p in enumerate(record["points"]) if p["kind"] in kinds and p["method"] == mixing}


def _check_point(point: _Entry, rewards: list[str], experts: list[str], measured: Iterable[str]) -> None:
    kind = point["kind"].require(_KIND).value
    point["method"].require(_TEXT)
    point["completions"].require(_COUNT)
    point["collapsed"].require(_TEXTS)
    if "broken" in point.value:  # fronts that were written before there were limits have none
        point["broken"].require(_TEXTS)
    if point["coefficients"].value is not None or kind in ("expert", "soup"):
        point["coefficients"].each(_FINITE, experts)
    if point["preference"].value is not None:
        point["preference"].each(_FINITE)
    for key, wanted in (("scores", _FINITE), ("ci95", _INTERVAL), ("standard_errors", _ERROR)):
        point[key].each(wanted, measured)
    for reward in rewards:
        point["scores"][reward]


def _check_summary(summary: _Entry, rewards: list[str]) -> None:
    summary["reference_point"].each(_FINITE, rewards)
    families = summary["hypervolume"].each(_FINITE).value
    for suffix, wanted in (("", _MAYBE), ("_ci95", _INTERVAL), ("_standard_errors", _ERROR)):
        summary[f"hypervolume_normalised{suffix}"].each(wanted, families)
    summary["training_cost"].each(_COUNT)
    summary["sparsity"].require(_FINITE)
    for key in ("holds", "of", "worst_gap"):
        summary["lmc"][key].require(_FINITE)


@dataclass(frozen=True)
class _Entry:
    """A value of a record that knows where it stands: ``points[3].scores.risky``."""

    value: Any
    place: str
    record: str

    def __getitem__(self, key: str) -> _Entry:
        place = f"{self.place}.{key}" if self.place else key
        if key not in self.require(_MAPPING).value:
            raise FrontError(f"{self.record} is not a whole front: {place} is missing; {CURE}")
        return _Entry(self.value[key], place, self.record)

    def require(self, wanted: _Wanted) -> _Entry:
        description, holds = wanted
        if not holds(self.value):
            shown = repr(self.value)
            shown = shown if len(shown) < 60 else f"{shown[:50]}..."
            what = f"{self.place} is {shown}" if self.place else f"its content is {shown}"
            raise FrontError(f"{self.record} is not a whole front: {what}, not {description}; {CURE}")
        return self

    def each(self, wanted: _Wanted, names: Iterable[str] | None = None) -> _Entry:
        """Every value of a mapping, which has exactly these names."""
        found = self.require(_MAPPING).value
        for name in found if names is None else names:
            self[name].require(wanted)
        if names is not None and (more := sorted(found.keys() - set(names))):
            raise FrontError(f"{self.record} is not a whole front: {self.place}.{more[0]} is one too many; {CURE}")
        return self


def _is_finite(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and abs(value) <= LIMIT


def _is_interval(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_is_finite, value)) and value[0] <= value[1]


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _is_alone(point: Record, expert: str) -> bool:
    """Whether this is the point of an expert as it was trained, and its λ are one-hot."""
    alone = point["coefficients"] and all(value == (name == expert) for name, value in point["coefficients"].items())
    return bool(alone) and point["kind"] == "expert"


_Wanted = tuple[str, Callable[[Any], bool]]
_KINDS = ("init", "expert", "soup", "morl")

_FINITE: _Wanted = "a finite number", _is_finite
_MAYBE: _Wanted = "a finite number or null", lambda value: value is None or _is_finite(value)
_ERROR: _Wanted = "a number of at least 0 or null", lambda value: value is None or (_is_finite(value) and value >= 0)
_INTERVAL: _Wanted = "an interval [low, high] or null", lambda value: value is None or _is_interval(value)
_COUNT: _Wanted = "a whole number of at least 0", lambda value: type(value) is int and _is_finite(value) and value >= 0
_KIND: _Wanted = f"one of {', '.join(_KINDS)}", lambda value: isinstance(value, str) and value in _KINDS
_TEXT: _Wanted = "a text", lambda value: isinstance(value, str)
_TEXTS: _Wanted = "a list of texts", _is_texts
_NAMES: _Wanted = (
    "a list of distinct names",
    lambda value: bool(value) and _is_texts(value) and len({*value}) == len(value),
)
_LIST: _Wanted = "a list of points", lambda value: isinstance(value, list) and bool(value)
_MAPPING: _Wanted = "a mapping", lambda value: isinstance(value, dict)
