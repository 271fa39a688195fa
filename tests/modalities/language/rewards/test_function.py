from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from rsoup_lightning.errors import ConfigError, RewardError
from rsoup_lightning.modalities.language.rewards import TextFunction
from rsoup_lightning.rewards import score
from tests.modalities.language.rewards.exchanges import answered

HERE = "tests.modalities.language.rewards.test_function"
ROLLOUT = answered(["a cat", "dogs"], ["who?", "what?"])


def longer(questions: list[str], answers: list[str]) -> list[int]:
    return [len(answer) - len(question) for question, answer in zip(questions, answers, strict=True)]


def as_array(questions: list[str], answers: list[str]) -> Any:
    return np.array(longer(questions, answers))


def as_tensor(questions: list[str], answers: list[str]) -> Any:
    return torch.tensor(longer(questions, answers), dtype=torch.float64, requires_grad=True)


def one_number(questions: list[str], answers: list[str]) -> float:
    return 1.0


def one_too_few(questions: list[str], answers: list[str]) -> list[float]:
    return [1.0] * (len(answers) - 1)


def not_a_number(questions: list[str], answers: list[str]) -> list[float]:
    return [0.0, float("nan")]


def nothing(questions: list[str], answers: list[str]) -> None:
    return None


@pytest.mark.parametrize("name", ["longer", "as_array", "as_tensor"])
def test_one_number_each(name: str) -> None:
    got = TextFunction(f"{HERE}:{name}")(ROLLOUT)
    assert got.tolist() == [1.0, -1.0]
    assert not got.requires_grad


@pytest.mark.parametrize("name", ["one_number", "one_too_few"])
def test_a_wrong_count_names_the_function(name: str) -> None:
    with pytest.raises(RewardError, match=rf"{HERE}:{name} gave \(1?,?\) ratings for 2 rows"):
        TextFunction(f"{HERE}:{name}")(ROLLOUT)


def test_no_numbers_at_all() -> None:
    with pytest.raises(RewardError, match=f"{HERE}:nothing returned None, not one number for each answer"):
        TextFunction(f"{HERE}:nothing")(ROLLOUT)


def test_nan_is_an_error() -> None:
    with pytest.raises(RewardError, match="reward 'mine' is nan at evaluation, completion 1"):
        score({"mine": TextFunction(f"{HERE}:not_a_number")}, ROLLOUT, moment="evaluation")


def test_what_cannot_be_called() -> None:
    with pytest.raises(ConfigError, match="cannot import 'no_such_module:f'"):
        TextFunction("no_such_module:f")
    with pytest.raises(ConfigError, match=f"'{HERE}:HERE' is not a function but '{HERE}'"):
        TextFunction(f"{HERE}:HERE")


def test_empty_questions_pass_only_where_the_template_leaves_them_out() -> None:
    rollout = answered(["a"], [" "])
    with pytest.raises(RewardError, match="empty question"):
        TextFunction(f"{HERE}:longer")(rollout)
    assert TextFunction(f"{HERE}:longer", template="{answer}")(rollout).tolist() == [0.0]
