from __future__ import annotations

import inspect

import pytest

from rsoup_lightning import errors
from rsoup_lightning.errors import ConfigError, RSoupError, UnknownNameError, check_at_least_one


def test_one_family() -> None:
    classes = [value for _, value in inspect.getmembers(errors, inspect.isclass) if value.__module__ == errors.__name__]
    assert len(classes) > 5
    assert all(issubclass(value, RSoupError | Warning) and value.__doc__ for value in classes)


def test_long_lists_are_cut_to_what_is_near() -> None:
    message = str(
        UnknownNameError("environment", "Hopper-v9", [f"Hopper-v{i}" for i in range(9)] + [f"x{i}" for i in range(20)])
    )
    assert "did you mean 'Hopper-v" in message
    assert len(message) < 150
    assert str(UnknownNameError("thing", "zzz", ["a", "b"])) == "unknown thing 'zzz'. Known: a, b"


def test_of_a_long_list_that_holds_nothing_near_some_are_named() -> None:
    message = str(UnknownNameError("thing", "zzz", [f"a{i:02}" for i in range(99)]))
    assert message.startswith("unknown thing 'zzz'. Known: a00, a01, ")
    assert message.endswith("a11, ...")


def test_where_the_known_names_are_listed_is_said_instead_of_some() -> None:
    assert str(UnknownNameError("recipe", "nope", ["qa/smollm2"], "rsoup tasks")) == (
        "unknown recipe 'nope'. rsoup tasks lists them"
    )


def test_numbers_that_count_something() -> None:
    check_at_least_one(words=1, beams=None)
    with pytest.raises(ConfigError, match=r"^beams is 0: it must be at least 1$"):
        check_at_least_one(words=1, beams=0)
