from __future__ import annotations

import numpy as np

from rsoup_lightning.modalities.control.info import gathered, numbers

TOLD = {
    "a": 1,
    "b": np.array([1.0, 2.0]),
    "c": {"d": True, "e": {"f": [3, 4]}},
    "name": "x",
    "none": None,
    "object": {},
}


def test_numbers_and_nothing_else() -> None:
    found = numbers({**TOLD, "ragged": [[1], [2, 3]], "picture": np.zeros((11, 11))})
    assert {key: array.tolist() for key, array in found.items()} == {
        "a": 1,
        "b": [1.0, 2.0],
        "c.d": True,
        "c.e.f": [3, 4],
    }


def test_numbers_of_many_copies() -> None:
    found = numbers(
        {"speed": np.ones(3), "all": 5, "players": {"env_id": np.arange(3), "of_two": np.ones(2)}}, copies=3
    )
    assert set(found) == {"speed", "players.env_id"}


def test_copies_that_lack_a_key_have_zero() -> None:
    infos = [{"a": np.array(1)}, {}, {"a": np.array(2.5), "b": np.array([1, 2])}, {"b": np.array([1, 2, 3])}]
    assert {key: column.tolist() for key, column in gathered(infos).items()} == {
        "a": [1, 0, 2.5, 0],
        "b": [[0, 0], [0, 0], [1, 2], [0, 0]],
    }
