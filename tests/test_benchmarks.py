"""The benchmarks' own arithmetic; their figures are measured by ``make bench``, not here."""

from __future__ import annotations

import ast
import importlib.util
import json
import math
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import pytest
import torch

from tests.conftest import ROOT

BENCHMARKS = ROOT / "benchmarks"
SHARED = {
    "cases",
    "timing",
    "ppo_peers",
    "gpu_check",
}  # what scripts share, and the one that asks their questions of a GPU
SCRIPTS = sorted(script for script in BENCHMARKS.glob("*.py") if script.stem not in SHARED)


@pytest.fixture
def timing(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("timing", BENCHMARKS / "timing.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "timing", module)  # where dataclasses look up names
    spec.loader.exec_module(module)
    return module


def test_ratio_is_the_median_of_the_rounds(timing: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    mine, theirs = iter([999.0, 30.0, 10.0, 40.0]), iter([1.0, 10.0, 10.0, 10.0])
    result = timing.in_turns(lambda: next(mine), lambda: next(theirs), timing.Rounds(3))
    assert result == {"ours": 30.0, "peer": 10.0, "ratio": 3.0}
    timing.report("x", "steps/s", result, share=0.5)
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last == {"name": "x", "unit": "steps/s", "ours": 30.0, "peer": 10.0, "ratio": 3.0, "share": 0.5}


@pytest.mark.parametrize(("seconds", "counted"), [(math.inf, 5), (1000, 5), (45, 3), (10, 1), (1, 1)])
def test_rounds_end_in_time(timing: ModuleType, monkeypatch: pytest.MonkeyPatch, seconds: float, counted: int) -> None:
    clock = iter([100.0, 110.0])  # the first round takes ten seconds
    monkeypatch.setattr(timing.time, "perf_counter", lambda: next(clock))
    assert list(timing.Rounds(5, seconds)) == list(range(counted + 1))


def test_rounds_that_are_asked_for_have_no_limit(timing: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["script.py"])
    assert timing.Rounds.asked(5).share(0.5) == timing.Rounds(5, timing.LIMIT / 2)
    monkeypatch.setattr(sys, "argv", ["script.py", "--rounds", "9"])
    assert timing.Rounds.asked(5).share(0.5) == timing.Rounds(9)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_every_script_keeps_to_its_time_and_ends_in_its_line(script: Path) -> None:
    tree = ast.parse(script.read_text(encoding="utf-8"))
    (main,) = (node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "main")
    assert "Rounds.asked(ROUNDS" in ast.unparse(main)
    assert ast.unparse(main.body[-1]).startswith(f"report('{script.stem}', ")
    assert f"benchmarks/{script.name}" in (ROOT / "Makefile").read_text(encoding="utf-8")


def test_the_check_of_a_gpu_runs_through_on_tiny_models() -> None:
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / "gpu_check.py"), "--tiny"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert {"diffusion_step", "ppo", "sweep_tiny", "serving_tiny"} <= {line["name"] for line in lines}
    assert all(line["ours"] > 0 and line["peer"] > 0 for line in lines)
    table = done.stdout.splitlines()[-5:]
    asked = ["diffusion_step", "ppo", "rl_step_tiny", "sweep_tiny", "serving_tiny"]
    assert [line.split()[0] for line in table] == asked
    if find_spec("trl") is None:
        assert "left out: trl is not installed" in table[2]


@pytest.mark.skipif(torch.cuda.is_available(), reason="asks what is said where there is no GPU")
def test_the_check_of_a_gpu_says_that_there_is_none() -> None:
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / "gpu_check.py")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.strip() == "no GPU is at hand: --tiny measures tiny models on a CPU"
