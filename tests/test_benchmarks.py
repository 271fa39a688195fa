"""The benchmarks' own arithmetic; their figures are measured by ``make bench``, not here."""

from __future__ import annotations

import importlib.util
import json
from types import ModuleType

import pytest

from tests.conftest import ROOT


@pytest.fixture
def timing() -> ModuleType:
    spec = importlib.util.spec_from_file_location("timing", ROOT / "benchmarks" / "timing.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_ratio_is_the_median_of_the_rounds(timing: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    mine, theirs = iter([999.0, 30.0, 10.0, 40.0]), iter([1.0, 10.0, 10.0, 10.0])
    result = timing.in_turns(lambda: next(mine), lambda: next(theirs), 3)
    assert result == {"ours": 30.0, "peer": 10.0, "ratio": 3.0}
    timing.report("x", "steps/s", result, share=0.5)
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last == {"name": "x", "unit": "steps/s", "ours": 30.0, "peer": 10.0, "ratio": 3.0, "share": 0.5}
