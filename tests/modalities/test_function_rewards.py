from __future__ import annotations

import pytest
import torch

from rsoup_lightning.errors import ConfigError, RewardError
from rsoup_lightning.modalities.function_rewards import RatingFunction


def test_numbers_of_any_kind_in_float32() -> None:
    for given in ([1, 2], (1.0, 2.0), torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)):
        values = RatingFunction("copy:copy", "picture")(given)
        assert values.tolist() == [1.0, 2.0]
        assert values.dtype == torch.float32 and not values.requires_grad


def test_something_else_is_an_error_that_names_the_function() -> None:
    with pytest.raises(RewardError, match="copy:copy returned 'good', not one number for each picture"):
        RatingFunction("copy:copy", "picture")("good")


def test_what_cannot_be_called() -> None:
    with pytest.raises(ConfigError, match="cannot import 'copy:no_such'"):
        RatingFunction("copy:no_such", "picture")
    with pytest.raises(ConfigError, match=r"'math:pi' is not a function but 3\.14"):
        RatingFunction("math:pi", "picture")
