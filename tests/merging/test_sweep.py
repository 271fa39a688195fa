from __future__ import annotations

from pathlib import Path

import pytest

from rsoup_lightning.errors import CoefficientError, ConfigError, OutputError
from rsoup_lightning.merging.sweep import Sweep, label, sweep

KEPT = {"extrapolate": False, "overwrite": False}


def of(output: Path, coefficients: list[float] | None = None, steps: int | None = None) -> Sweep:
    return sweep(["a", "b"], output, coefficients, steps, **KEPT)


def test_one_merge_is_the_output_itself(tmp_path: Path) -> None:
    asked = of(tmp_path / "out", [0.25, 0.75])
    with asked.writing() as targets:
        assert targets == {tmp_path / "out": (0.25, 0.75)}
    assert asked.provenance((0.25, 0.75), method="linear")["coefficients"] == {"a": 0.25, "b": 0.75}


def test_a_grid_appears_whole(tmp_path: Path) -> None:
    asked = of(tmp_path / "out", steps=3)
    assert [target.name for target in asked.targets] == [label(point) for point in asked.targets.values()]
    with asked.writing() as targets:
        for target in targets:
            target.mkdir()
        assert not (tmp_path / "out").exists()
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["0-1", "0.5-0.5", "1-0"]


def test_a_grid_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyError), of(tmp_path / "out", steps=2).writing() as targets:
        next(iter(targets)).mkdir()
        raise KeyError
    assert not any(tmp_path.iterdir())


def test_what_is_read_is_not_written_over(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="lie in each other"), of(tmp_path, steps=2).writing(str(tmp_path / "base")):
        pass


def test_what_cannot_be_asked(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="give either --coefficients"):
        of(tmp_path)
    with pytest.raises(ConfigError, match="give either --coefficients"):
        of(tmp_path, [0.5, 0.5], 3)
    with pytest.raises(CoefficientError):
        of(tmp_path, [0.5, 0.6])
    with pytest.raises(ConfigError, match=r"the expert \./a is named twice"):
        sweep(["./a", "a"], tmp_path, [0.5, 0.5], None, **KEPT)
