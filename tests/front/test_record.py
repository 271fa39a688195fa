"""Every reader of a front.json begins with the same check: whole fronts pass, anything else is an error of ours."""

from __future__ import annotations

import json
import random
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from rsoup_lightning.errors import FrontError, RSoupError, RunFolderError
from rsoup_lightning.files import write_json
from rsoup_lightning.front.chosen import measured_front
from rsoup_lightning.front.record import SCHEMA, check_record, read_record
from rsoup_lightning.front.results import record_of
from rsoup_lightning.front.seeds import combine_seeds
from rsoup_lightning.report.page import write_report
from rsoup_lightning.report.tables import cost_table, delimited, points_table
from rsoup_lightning.report.view import headline
from tests.report.demo import demo_record

FRONT = demo_record(2, steps=3)


def test_what_we_write_can_be_read(tmp_path: Path) -> None:
    known = record_of("t", ["a", "b"], [(1, 0), (0, 1)], {"a": [1, 0], "b": [0, 1]})
    for front in (FRONT, demo_record(3, steps=3), combine_seeds([FRONT, FRONT]), known):
        write_json(tmp_path / "front.json", front)
        assert read_record(tmp_path / "front.json") == front


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "No such file"),
        (b"", "Expecting value"),
        (b'{"schema": 2, "po', "Unterminated string"),
        (b"\xff\xfe\x00{", "codec"),
        (b"[" * 100_000, "nested too deeply"),
        (b"1" * 5000, "digits"),
    ],
)
def test_files_that_are_no_json(tmp_path: Path, content: bytes | None, reason: str) -> None:
    file = tmp_path / "front.json"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(RunFolderError, match=rf"cannot read .*front\.json.*{reason}.*rsoup soup has completed"):
        read_record(file)


@pytest.mark.parametrize("content", ["null", "3", '"front"', "[]", "[{}]"])
def test_json_that_is_no_front(tmp_path: Path, content: str) -> None:
    (tmp_path / "front.json").write_text(content)
    with pytest.raises(FrontError, match=r"its content is .*, not a mapping"):
        read_record(tmp_path / "front.json")


def test_other_schemas_are_named_with_the_cure() -> None:
    with pytest.raises(
        FrontError, match=r"old\.json has schema 1, that of an earlier version, without standard errors"
    ):
        check_record({"schema": 1, "points": []}, "old.json")
    with pytest.raises(FrontError, match=rf"schema {SCHEMA + 1}, that of a later version.*delete it and run"):
        check_record({**FRONT, "schema": SCHEMA + 1})
    with pytest.raises(FrontError, match="schema is missing"):
        check_record({"points": []})


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda f: f["points"][1]["scores"].update(reward_a=float("nan")), r"points\[1\]\.scores\.reward_a is nan"),
        (lambda f: f["points"][1]["scores"].update(reward_a=10**400), r"is 1000+\.\.\., not a finite number"),
        (lambda f: f["points"][1]["scores"].update(reward_a=True), "is True, not a finite number"),
        (lambda f: f["points"][1]["scores"].update(more=1.0), r"points\[1\]\.scores\.more is one too many"),
        (lambda f: f["points"][2]["scores"].pop("reward_b"), r"points\[2\]\.scores\.reward_b is missing"),
        (lambda f: f["points"][0]["ci95"].update(reward_a=[1.0, 0.0]), "not an interval"),
        (lambda f: f["points"][0]["standard_errors"].update(reward_a=-1.0), r"is -1\.0, not a number of at least 0"),
        (lambda f: f["points"][0].pop("standard_errors"), r"points\[0\]\.standard_errors is missing"),
        (lambda f: f["points"][0]["coefficients"].pop("reward_a"), r"coefficients\.reward_a is missing"),
        (lambda f: f["points"][0].update(coefficients=None), "coefficients is None, not a mapping"),
        (lambda f: f["points"][0].update(kind="sup"), "is 'sup', not one of init, expert, soup, morl"),
        (lambda f: f["points"].append(7), r"points\[6\] is 7, not a mapping"),
        (lambda f: f.update(experts=["reward_a", "reward_a"]), "not a list of distinct names"),
        (lambda f: f["summary"]["lmc"].pop("of"), r"summary\.lmc\.of is missing"),
        (lambda f: f["summary"]["hypervolume_normalised_ci95"].pop("morl"), r"_ci95\.morl is missing"),
    ],
)
def test_the_entry_that_is_wrong_is_named(tmp_path: Path, change: Any, reason: str) -> None:
    front = deepcopy(FRONT)
    change(front)
    with pytest.raises(FrontError, match=reason) as caught:
        check_record(front, "f.json")
    assert "\n" not in str(caught.value) and str(caught.value).startswith("f.json is not a whole front: ")
    with pytest.raises(FrontError, match=reason):
        write_report(tmp_path, front, shown=tmp_path)
    assert list(tmp_path.iterdir()) == []


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) in a record."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []
    return [place for key in keys for place in [(value, key), *_places(value[key])]]


def damage(front: Any, strange: list[Any], rng: random.Random) -> tuple[Any, Any]:
    """Remove something from a record, or put something strange in its place; gives its container and key."""
    holder, key = rng.choice(_places(front))
    if rng.random() < 0.3:
        del holder[key]
    else:
        holder[key] = rng.choice(strange)
    return holder, key


def test_whatever_is_replaced_or_removed_ends_in_an_error_of_ours(tmp_path: Path) -> None:
    rng, refused = random.Random(0), 0
    strange = [None, True, -1, 0.5, 1e300, float("nan"), float("inf"), "", "x", [], [None], {}, {"a": None}]
    for _ in range(300):
        front = deepcopy(FRONT)
        damage(front, strange, rng)
        (tmp_path / "front.json").write_text(json.dumps(front))
        try:
            record = read_record(tmp_path / "front.json")
        except RSoupError:
            refused += 1
            continue
        assert all((headline(record), points_table(record), cost_table(record), delimited(record, ",")))
        with suppress(RSoupError):
            measured_front(record)
    assert 150 < refused < 300


def test_damaged_bytes_end_in_an_error_of_ours(tmp_path: Path) -> None:
    rng, whole = random.Random(1), json.dumps(FRONT, indent=1).encode()
    for _ in range(300):
        damaged = bytearray(whole[: rng.randrange(len(whole))] if rng.random() < 0.3 else whole)
        for _ in range(rng.choice((1, 1, 5)) if damaged else 0):
            damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
        (tmp_path / "front.json").write_bytes(damaged)
        try:
            read_record(tmp_path / "front.json")
        except RSoupError as error:
            assert "front.json" in str(error)
