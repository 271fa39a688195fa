from __future__ import annotations

from pathlib import Path

import pytest
import torch

import rsoup_lightning
from rsoup_lightning.errors import ConfigError
from rsoup_lightning.files import read_object
from rsoup_lightning.merging import linear, read_weights
from tests.commands.test_pick import NAMES, _experts, run  # noqa: F401  (a fixture)


def test_from_python(run: Path) -> None:  # noqa: F811
    chosen = rsoup_lightning.pick(run, run.parent / "picked", preference={"risky": 0.63, "cautious": 0.37})
    assert chosen.coefficients == pytest.approx({"risky": 0.63, "cautious": 0.37}, abs=1e-4)
    assert chosen.reason.startswith("λ = risky 0.63, cautious 0.37: utility 0.767 [")
    written = read_object(run.parent / "picked" / "pick.json")
    assert written == {"schema": 1, "run": str(run), "seed": None, **chosen.record()}
    expected = linear(_experts(0), [chosen.coefficients[name] for name in NAMES])
    merged = read_weights(run.parent / "picked")
    assert all(torch.equal(merged[key], expected[key]) for key in expected)
    assert (run.parent / "picked" / "recipe.yaml").read_text() == "seed_everything: 0\n"
    with pytest.raises(ConfigError, match="holds an earlier pick"):
        rsoup_lightning.pick(run, run.parent / "picked", preference={"risky": 1})
