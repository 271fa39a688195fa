from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rsoup_lightning.environment import Reading, Shown
from rsoup_lightning.errors import RunFolderError
from rsoup_lightning.front.results import Point
from rsoup_lightning.report.shown import as_json, read_shown, worth_filming, write_shown


def point(**coefficients: float) -> Point:
    return Point("soup", coefficients or None, None, {"a": np.zeros(2)})


def write(folder: Path, *shown: list[Shown], films: Mapping[int, str] | None = None) -> None:
    write_shown(folder, [[as_json(each, folder) for each in entries] for entries in shown], films or {})


def test_pictures_go_to_files_that_equal_ones_share(tmp_path: Path) -> None:
    read = {"bleu": Reading("a dog | a dog", 1.0)}
    one, other = Shown("dog", "a dog", picture=b"dog", read=read), Shown("cat", "a dog", picture=b"cat")
    write(tmp_path, [one, other], [Shown("dog", "dogs", picture=b"dog")], [], films={1: "film"})
    assert {path.name for path in tmp_path.iterdir()} == {
        *("000.json", "001.json", "002.json"),
        *(f"{sha256(content).hexdigest()[:16]}.webp" for content in (b"dog", b"cat")),
    }
    first, second, third = (json.loads((tmp_path / f"00{index}.json").read_text()) for index in range(3))
    assert first["film"] == "" and second["film"] == "film" and third == {"shown": [], "film": ""}
    shown = first["shown"][0]
    assert (tmp_path / shown["media"]).read_bytes() == b"dog"
    assert shown["media"] == second["shown"][0]["media"] != first["shown"][1]["media"]
    assert shown == {
        "title": "dog",
        "text": "a dog",
        "series": {},
        "media": shown["media"],
        "read": {"bleu": {"text": "a dog | a dog", "score": 1.0}},
    }


def test_shown_without_picture_have_no_media(tmp_path: Path) -> None:
    write(tmp_path, [Shown("seed 3", series={"speed": [1.0, 2.0]})])
    (shown,) = json.loads((tmp_path / "000.json").read_text())["shown"]
    assert shown["media"] == "" and shown["series"] == {"speed": [1.0, 2.0]} and "picture" not in shown
    assert len(list(tmp_path.iterdir())) == 1


def test_a_curve_that_is_not_finite_has_gaps(tmp_path: Path) -> None:
    diverged = {"speed": [1.0, float("nan"), float("-inf"), 2.0]}
    write(tmp_path, [Shown("seed 3", series=diverged)])
    (shown,) = read_shown(tmp_path, 0)["shown"]
    assert shown["series"] == {"speed": [1.0, None, None, 2.0]}
    assert read_shown(tmp_path, 1) == {"shown": [], "film": ""}


@pytest.mark.parametrize(
    "change",
    [
        lambda entry: entry.pop("film"),
        lambda entry: entry.update(shown=None),
        lambda entry: entry["shown"].append(3),
        lambda entry: entry["shown"][0].pop("read"),
        lambda entry: entry["shown"][0].update(media=None),
        lambda entry: entry["shown"][0].update(read={"bleu": {"text": "x"}}),
        lambda entry: entry["shown"][0].update(read={"bleu": {"text": 3, "score": 1.0}}),
    ],
)
def test_damaged_files_are_named(tmp_path: Path, change: Any) -> None:
    write(tmp_path, [Shown("dog", "a dog", read={"bleu": Reading(None, 1.0)})])
    file = tmp_path / "000.json"
    entry = json.loads(file.read_text())
    assert read_shown(tmp_path, 0) == entry
    change(entry)
    for content in (json.dumps(entry), file.read_text()[:40], "[]"):
        file.write_text(content)
        with pytest.raises(RunFolderError, match=r"000\.json.*delete front\.json"):
            read_shown(tmp_path, 0)


def test_films_are_of_both_ends_and_the_middle() -> None:
    points = [point(), point(a=1.0, b=0.0), point(a=0.3, b=0.7), point(a=0.6, b=0.4), point(a=0.0, b=1.0)]
    assert worth_filming(points, ["a", "b"]) == [4, 3, 1]
    assert worth_filming(points[:2], ["a"]) == [1]


def test_of_three_experts_the_first_and_the_last_are_filmed() -> None:
    points = [point(a=1.0), point(b=1.0), point(c=1.0), point(a=0.5, b=0.5), point(a=0.5, c=0.5), point(a=0.3, b=0.7)]
    assert worth_filming(points, ["a", "b", "c"]) == [2, 4, 0]
