"""Errors of ours as a notebook shows them: alone where their causes add nothing, and with them where they do."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rsoup_lightning import RSoupError, bench, load, merge, pick, push, soup
from tests.conftest import PointFineTuner, PointPolicy
from tests.running import POINT_RECIPE


def recipe(folder: Path, **overrides: Any) -> Any:
    (folder / "recipe.yaml").write_text(POINT_RECIPE)
    return soup(folder / "recipe.yaml", folder / "run", overrides=overrides)


def written(folder: Path, name: str, content: str) -> Path:
    (folder / name).write_text(content)
    return folder / name


ALONE: dict[str, Callable[[Path], object]] = {
    "class": lambda folder: recipe(folder, **{"model.algorithm": "PPOO"}),
    "module": lambda folder: recipe(folder, **{"model.algorithm": "heater.PPO"}),
    "key": lambda folder: recipe(folder, **{"model.kl": {"coeficient": 1}}),
    "section": lambda folder: recipe(folder, **{"soup.gird": 3}),
    "value": lambda folder: recipe(folder, **{"trainer.max_epochs": "x"}),
    "empty": lambda folder: recipe(folder, **{"soup.grid": None}),
    "trainer": lambda folder: recipe(folder, **{"trainer.accelerator": "gpu"}),
    "weights": lambda folder: recipe(folder, **{"model.init_weights": str(folder / "none")}),
    "yaml": lambda folder: soup(written(folder, "bad.yaml", "a: [1\nb: 2"), folder / "run"),
    "missing recipe": lambda folder: soup(folder / "none.yaml", folder / "run"),
    "no run": lambda folder: load(folder),
    "damaged front": lambda folder: load(written(folder, "front.json", "{").parent),
    "damaged pick": lambda folder: load(written(folder, "pick.json", "{").parent),
    "no expert": lambda folder: merge([str(folder / "a"), str(folder / "b")], folder / "out", [0.5, 0.5]),
    "damaged weights": lambda folder: merge(
        [str(written(folder, f"{name}.safetensors", "garbage, and more of it")) for name in "ab"],
        folder / "out",
        [1, 0],
    ),
    "no pickle": lambda folder: merge(
        [str(written(folder, f"{name}.pt", "garbage")) for name in "ab"], folder / "out", [0.5, 0.5]
    ),
    "no front": lambda folder: pick(folder, folder / "out", preference={"a": 1.0}),
    "choices": lambda folder: pick(folder, folder / "out", choices=folder / "none.json"),
    "suite": lambda folder: bench(written(folder, "suite.yaml", "tasks: [")),
    "suite's key": lambda folder: bench(written(folder, "suite.yaml", "tasks: {a: {recpe: x}}\nmethods: {}")),
    "nothing to push": lambda folder: push(folder, "org/name", output=folder / "out"),
}


@pytest.mark.parametrize("wrong", ALONE)
def test_what_says_all_stands_alone(wrong: str, tmp_path: Path) -> None:
    with pytest.raises(RSoupError) as caught:
        ALONE[wrong](tmp_path)
    shown = "".join(traceback.format_exception(caught.value))
    assert shown.count("Traceback (most recent call last)") == 1, shown


class Choosy(PointPolicy):
    """Takes nothing."""

    def __init__(self, size: int = 0) -> None:
        raise ValueError(f"a size of {size}")


class ChoosyFineTuner(PointFineTuner):
    """Whose policy takes nothing."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        Choosy()


def test_what_a_users_own_class_raises_is_shown_with_the_place(tmp_path: Path) -> None:
    with pytest.raises(RSoupError, match="a size of 0") as caught:
        recipe(tmp_path, task=f"{__name__}:ChoosyFineTuner")
    shown = "".join(traceback.format_exception(caught.value))
    assert "in ChoosyFineTuner" not in shown and 'raise ValueError(f"a size of {size}")' in shown
