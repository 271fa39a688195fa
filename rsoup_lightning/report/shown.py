"""What policies produced: written into the run folder, and read by the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from hashlib import sha256
from math import isfinite
from pathlib import Path
from typing import Any

from rsoup_lightning.environment import Shown
from rsoup_lightning.errors import RunFolderError
from rsoup_lightning.files import read_json, write_bytes, write_json
from rsoup_lightning.front.results import Point

REWRITE = "delete front.json of that run, and the command that wrote it evaluates again"


def write_shown(folder: Path, shown: Sequence[Sequence[Mapping[str, Any]]], films: Mapping[int, str]) -> None:
    """Write one JSON file per point, by its index.

    Args:
        folder: where to.
        shown: of each point of a front, as of :func:`as_json`.
        films: by the index of their point, the names of films that lie in the folder already.
    """
    for index, entries in enumerate(shown):
        write_json(folder / f"{index:03d}.json", {"shown": list(entries), "film": films.get(index, "")})


def read_shown(folder: Path, index: int) -> dict[str, Any]:
    """What is ``shown`` of a point, and the name of its ``film``, as written; none where there is no file.

    Raises:
        RunFolderError: the file is damaged.
    """
    file = folder / f"{index:03d}.json"
    entry = read_json(file, REWRITE) if file.exists() else {"shown": [], "film": ""}
    if not (_has(entry, film=str, shown=list) and all(map(_is_shown, entry["shown"]))):
        raise RunFolderError(f"{file} is not a whole file of what was shown: {REWRITE}")
    return entry


def worth_filming(points: Sequence[Point], experts: Sequence[str]) -> list[int]:
    """The points of the last expert, the soup nearest the middle between it and the first, and the first expert."""
    first, last = experts[0], experts[-1]
    places = {index: point.coefficients for index, point in enumerate(points) if point.coefficients}
    wanted = [{last: 1.0}, {first: 0.5, last: 0.5}, {first: 1.0}]
    nearest = [min(places, key=lambda index: _distance(places[index], target)) for target in wanted]
    return list(dict.fromkeys(nearest))


def as_json(shown: Shown, folder: Path) -> dict[str, Any]:
    """One of them as plain values; its picture goes to a file, which equal pictures share.

    Where a curve is not finite, as of a simulation that diverged, it has a gap: None.
    """
    values = asdict(shown)
    values["series"] = {
        name: [value if isfinite(value) else None for value in curve] for name, curve in shown.series.items()
    }
    if picture := values.pop("picture"):
        values["media"] = f"{sha256(picture).hexdigest()[:16]}.webp"
        write_bytes(folder / values["media"], picture)
    return values


def _is_shown(value: Any) -> bool:
    return _has(value, title=str, text=str, media=str, series=dict, read=dict) and all(
        _has(reading, text=str | None, score=int | float) for reading in value["read"].values()
    )


def _has(value: Any, **entries: Any) -> bool:
    """Whether it is a mapping with at least these entries, of these types."""
    return isinstance(value, dict) and all(isinstance(value.get(key, ...), kind) for key, kind in entries.items())


def _distance(coefficients: Mapping[str, float], target: Mapping[str, float]) -> float:
    return sum(abs(weight - target.get(name, 0.0)) for name, weight in coefficients.items())
