from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import Any

from rsoup_lightning import bench
from tests.comparing.suites import write_suite
from tests.conftest import ROOT
from tests.running import Command, rsoup


def timeless(folder: Path) -> dict[str, Any]:
    """A bench.json without what depends on the clock."""
    content = json.loads((folder / "bench.json").read_text())
    for cell in content["cells"]:
        for key in ("init_seconds", "seconds", "evaluation_seconds", "memory"):
            del cell[key]
    return content


def test_a_suite_that_is_killed_and_resumed_ends_in_the_same_table(tmp_path: Path) -> None:
    suite = write_suite(tmp_path)
    killed = Command("bench", str(suite), "--run_dir", str(tmp_path / "killed"))
    reached = tmp_path / "killed" / "point" / "experts" / "seed-0" / "stages" / "experts" / "east.json"
    try:
        while killed.poll() is None and not reached.exists():
            time.sleep(0.01)
    finally:
        killed.kill()
    assert killed.wait() == -signal.SIGKILL
    assert not (tmp_path / "killed" / "bench.json").exists()
    for run in ("killed", "whole"):
        bench(suite, tmp_path / run)
    assert timeless(tmp_path / "killed") == timeless(tmp_path / "whole")


def test_smoke(tmp_path: Path) -> None:
    done = rsoup("bench", str(ROOT / "benchmarks" / "suites" / "smoke.yaml"), "--markdown", cwd=tmp_path)
    assert "| method | hypervolume | against soup |" in done.stdout
    assert done.stderr.endswith("open runs/smoke/bench.html\n")
    assert (tmp_path / "runs" / "smoke" / "bench.json").exists()
