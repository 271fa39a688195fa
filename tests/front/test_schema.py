"""The JSON schema that ships with the package says what the check of fronts says."""

from __future__ import annotations

import json
import random
from copy import deepcopy
from importlib.resources import files
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from rsoup_lightning.errors import FrontError
from rsoup_lightning.front.record import SCHEMA, check_record
from rsoup_lightning.front.results import record_of
from rsoup_lightning.front.seeds import combine_seeds
from tests.front.test_record import FRONT, damage
from tests.report.demo import demo_record

WHOLE = json.loads((files("rsoup_lightning") / "front" / "front.schema.json").read_text())
VALIDATOR = Draft202012Validator(WHOLE)
ACROSS = ("is missing", "is one too many", "alone", "not an interval")
"""What a schema cannot say: that names are the same in several places, that one point is an expert, low under high."""


def _is_whole(record: Any) -> tuple[bool, str]:
    try:
        check_record(record)
    except FrontError as error:
        return False, str(error)
    return True, ""


def test_the_schema_is_one_and_of_this_version() -> None:
    Draft202012Validator.check_schema(WHOLE)
    assert WHOLE["properties"]["schema"]["const"] == SCHEMA


def test_fronts_as_we_write_them_fit() -> None:
    known = record_of("t", ["a", "b"], [(1, 0), (0, 1)], {"a": [1, 0], "b": [0, 1]})
    for front in (FRONT, demo_record(3, steps=3), combine_seeds([FRONT, FRONT]), known):
        assert list(VALIDATOR.iter_errors(front)) == []


@pytest.mark.parametrize("seed", range(4))
def test_schema_and_check_refuse_the_same(seed: int) -> None:
    """Whatever is replaced or removed, but for what a schema cannot say."""
    rng, refused = random.Random(seed), 0
    strange = [None, True, -1, 0.5, 1e300, "", "x", [], [None], {}, {"a": None}, 2, [1, 2], "soup"]
    for _ in range(150):
        front = deepcopy(FRONT)
        holder, key = damage(front, strange, rng)
        whole, reason = _is_whole(front)
        fits = VALIDATOR.is_valid(front)
        refused += not fits
        if whole or not any(words in reason for words in ACROSS):
            assert fits == whole, (reason, holder, key)
        assert fits or not whole
    assert 0 < refused < 150
