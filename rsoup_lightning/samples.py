"""What policies produced, written where the report finds it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

from rsoup_lightning.environment import Sample
from rsoup_lightning.files import write_bytes, write_json
from rsoup_lightning.results import Point


def write_samples(folder: Path, points: Sequence[Point], films: Mapping[int, str]) -> None:
    """Write one JSON file per point, by its index, and the pictures that its samples show.

    Args:
        folder: where to.
        points: of a front.
        films: by the index of their point, the names of films that lie in the folder already.
    """
    for index, point in enumerate(points):
        samples = [plain(sample, folder) for sample in point.samples]
        write_json(folder / f"{index:03d}.json", {"samples": samples, "film": films.get(index, "")})


def worth_filming(points: Sequence[Point], experts: Sequence[str]) -> list[int]:
    """The points of the last expert, the soup nearest the middle between it and the first, and the first expert."""
    first, last = experts[0], experts[-1]
    places = {index: point.coefficients for index, point in enumerate(points) if point.coefficients}
    wanted = [{last: 1.0}, {first: 0.5, last: 0.5}, {first: 1.0}]
    nearest = [min(places, key=lambda index: _distance(places[index], target)) for target in wanted]
    return list(dict.fromkeys(nearest))


def plain(sample: Sample, folder: Path) -> dict[str, Any]:
    """A sample as plain values; its picture goes to a file, which equal pictures share."""
    values = asdict(sample)
    if picture := values.pop("picture"):
        values["media"] = f"{sha256(picture).hexdigest()[:16]}.webp"
        write_bytes(folder / values["media"], picture)
    return values


def _distance(coefficients: Mapping[str, float], target: Mapping[str, float]) -> float:
    return sum(abs(weight - target.get(name, 0.0)) for name, weight in coefficients.items())
