from __future__ import annotations

from typing import Any

import pytest

from rsoup_lightning.errors import CoefficientError, ConfigError, RSoupError, UnknownNameError
from rsoup_lightning.methods import MORL
from rsoup_lightning.simplex import grid, one_hot


def test_a_preference_gets_the_nearest_training() -> None:
    method = MORL([{"a": 0.2, "b": 0.8}, {"a": 0.8, "b": 0.2}])
    assert method.experts(["a", "b"]) == {"0.2-0.8": {"a": 0.2, "b": 0.8}, "0.8-0.2": {"a": 0.8, "b": 0.2}}
    served = [method.coefficients(preference, ["a", "b"]) for preference in grid(2, 3)]
    assert served == [(1.0, 0.0), (1.0, 0.0), (0.0, 1.0)]


def test_what_is_trained_is_evaluated_and_never_merged() -> None:
    assert [*MORL(11).experts(["a", "b"])][::5] == ["b", "0.5-0.5", "a"]
    assert sorted(MORL(4).lattice(["a", "b", "c"], grid(3, 4))) == sorted(one_hot(10))


@pytest.mark.parametrize(
    ("preferences", "error"),
    [
        ([], ConfigError),
        ([{"a": 1.0}, {"a": 1.0, "b": 0.0}], ConfigError),
        ([{"a": 0.5}], CoefficientError),
        ([{"c": 1.0}], UnknownNameError),
        (1, CoefficientError),
    ],
)
def test_preferences_that_cannot_be(preferences: Any, error: type[RSoupError]) -> None:
    with pytest.raises(error):
        MORL(preferences).experts(["a", "b"])
