"""``rsoup merge``: its options are those of the functions behind it, and of every method that is registered."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

import rsoup_lightning
from rsoup_lightning.__main__ import main
from rsoup_lightning.merging.methods import METHODS, Ingredients, register, settings


@pytest.fixture
def experts(tmp_path: Path) -> list[str]:
    for name, value in (("a", 1.0), ("b", 3.0)):
        save_file({"w": torch.full((2,), value)}, tmp_path / f"{name}.safetensors")
    return [str(tmp_path / f"{name}.safetensors") for name in ("a", "b")]


@pytest.fixture
def lifted() -> Iterator[None]:
    """A method of the user's own."""

    @register("lifted", elementwise=True, needs_init=False, keeps_experts=False)
    def lifted(given: Ingredients, *, lift: float = 10.0, twice: bool = False) -> Tensor:
        """The mean, raised.

        Args:
            given: the tensor.
            lift: how far, in units of the weights.
            twice: whether to do it again.
        """
        return torch.stack(list(given.experts)).mean(0) + lift * (1 + twice)

    yield
    del METHODS["lifted"]


def test_a_method_of_ones_own_has_its_options_on_the_command_line(
    experts: list[str], lifted: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["merge", "--experts", *experts, "--coefficients", ".5", ".5", "--overwrite"]
    command += ["--output", str(tmp_path / "out.safetensors"), "--method", "lifted"]
    for more, expected in (([], 12.0), (["--lift", "0.25"], 2.25), (["--lift=-1", "--twice", "true"], 0.0)):
        assert main([*command, *more]) == 0
        assert load_file(tmp_path / "out.safetensors")["w"].tolist() == [expected] * 2
    assert main([*command, "--lift", "far"]) == 2
    assert "lift" in (said := capsys.readouterr().err) and "float" in said
    assert main([*command, "--density", "0.3"]) == 2
    assert "the method 'lifted' has no setting 'density'; its settings: lift, twice" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["merge", "--help"])
    helped = " ".join(capsys.readouterr().out.split())
    assert "--lift LIFT lifted: how far, in units of the weights (default: 10.0) (type: float)" in helped
    assert "lifted The mean, raised." in helped


def test_every_setting_of_ours_is_explained() -> None:
    unsaid = [(method.name, name) for name, methods in settings().items() for method in methods]
    assert unsaid and all(METHODS[method].explanation(name) for method, name in unsaid)


def test_an_unknown_method_is_named(experts: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["merge", "--experts", *experts, "--output", str(tmp_path / "out"), "--method", "liner"]
    for more in (["--coefficients", "1", "0"], [], ["--density", "0.3"]):
        assert main([*command, *more]) == 2
        assert "unknown merge method 'liner': did you mean 'linear'" in capsys.readouterr().err


def test_from_python(experts: list[str], tmp_path: Path) -> None:
    written = rsoup_lightning.merge([Path(path) for path in experts], tmp_path / "m.safetensors", [0.25, 0.75])
    assert written == {tmp_path / "m.safetensors": []}
    assert load_file(tmp_path / "m.safetensors")["w"].tolist() == [2.5, 2.5]
    sweep = rsoup_lightning.merge(experts, tmp_path / "sweep", grid=3)
    assert [path.name for path in sweep] == ["0-1", "0.5-0.5", "1-0"]


@pytest.mark.parametrize("written", ["-5e-1", "-.5", "-5E-01", "-.05e1", "-0.5"])
def test_negative_coefficients_however_they_are_written(experts: list[str], tmp_path: Path, written: str) -> None:
    command = ["merge", "--experts", *experts, "--coefficients", "1.5", written, "--extrapolate"]
    assert main([*command, "--output", str(tmp_path / "out.safetensors")]) == 0
    assert load_file(tmp_path / "out.safetensors")["w"].tolist() == [0.0, 0.0]
