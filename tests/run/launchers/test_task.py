"""Stages as engines compute them: the same as in this process, also where a job is to leave and comes back."""

from __future__ import annotations

import json
import os
import signal
import time
from dataclasses import asdict
from pathlib import Path

import pytest

from rsoup_lightning.run.launchers.launcher import Ended
from tests.conftest import ROOT
from tests.run.launchers.conftest import EXPERT, Unfinished


def test_a_stage_that_is_finished_ends_at_once(unfinished: Unfinished, monkeypatch: pytest.MonkeyPatch) -> None:
    task = unfinished.task
    task.prepare()
    monkeypatch.chdir(Path.cwd())
    assert not task().error and len(unfinished.said()) > 16
    task.prepare()
    assert not task().error and len(unfinished.said()) == 1  # of its end
    assert unfinished.ends_the_same()


def test_a_job_that_is_interrupted_comes_back(unfinished: Unfinished, monkeypatch: pytest.MonkeyPatch) -> None:
    submitit = pytest.importorskip("submitit")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    executor = submitit.AutoExecutor(unfinished.run.parent / "jobs", cluster="local")
    unfinished.task.prepare()
    job = executor.submit(unfinished.task)
    unfinished.trains()
    (process,) = Path(f"/proc/{job.job_id}/task/{job.job_id}/children").read_text().split()
    os.kill(int(process), signal.SIGTERM)  # as SLURM does first
    time.sleep(0.1)
    os.kill(int(process), signal.SIGUSR2)
    ended = job.result()
    assert ended == Ended(EXPERT) and json.loads(unfinished.said()[-1])["ended"] == asdict(ended)
    first, second = unfinished.begun()
    assert first == 0 < second
    assert unfinished.ends_the_same()
