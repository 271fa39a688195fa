"""Cards by their parts; tests of publishing have huggingface_hub read them."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from rsoup_lightning.report.card import base_of, model_card

RECIPE: dict[str, Any] = {
    "task": "review",
    "model": {
        "base": "org/base",
        "rewards": {"kind": {"class_path": "a.b.Vader"}, "fluency": None},
        "data": {"class_path": "a.Reviews", "init_args": {"size": 3}},
        "lora": {"rank": 4},
    },
}
PICKED = {"coefficients": {"kind": 0.25, "brief": 0.75}, "preference": {"kind": 0.4, "brief": 0.6}}


def test_the_head_names_base_and_licence() -> None:
    _, head, text = model_card("org/name", RECIPE, None, PICKED, "mit").split("---\n", 2)
    assert yaml.safe_load(head) == {
        "library_name": "rsoup_lightning",
        "tags": ["rewarded-soups", "rlhf", "review"],
        "base_model": "org/base",
        "license": "mit",
    }
    assert "# name" in text and "merged at λ = (kind 0.25, brief 0.75)" in text
    assert "| kind |  | `Vader` |" in text and "| fluency |  | of the task |" in text
    assert "class_path: a.Reviews" in text and "rank: 4" in text


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ({"base": "org/base"}, "org/base"),
        ({"base": {"class_path": "a.ChatModel", "init_args": {"name": "org/vlm"}}}, "org/vlm"),
        ({"base": {"class_path": "a.SmallCoCa"}}, None),
        ({}, None),
    ],
)
def test_the_base_of_a_recipe(model: dict[str, Any], expected: str | None) -> None:
    assert base_of({"model": model}) == expected


def test_names_with_what_divides_cells() -> None:
    *_, text = model_card("org/name", {**RECIPE, "model": {"rewards": {"a|b": None}}}, None, PICKED, None).split(
        "---\n", 2
    )
    assert r"| a\|b |  | of the task |" in text
