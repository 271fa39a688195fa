"""Stages that two processes train together: the same whoever starts them, also where some were killed in between."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from rsoup_lightning.__main__ import main
from rsoup_lightning.errors import ConfigError, StageError, WorkerDiedError
from rsoup_lightning.files import read_json
from rsoup_lightning.run.console.progress import RunProgress
from rsoup_lightning.run.launchers.launcher import Ended
from rsoup_lightning.run.soup import run_soup
from rsoup_lightning.run.team import Team
from rsoup_lightning.run.worker import Worker
from tests.conftest import PointFineTuner
from tests.run.launchers.test_local import gone, posing
from tests.run.recipes.test_recipe import resolved
from tests.running import POINT_RECIPE, Command, environment

OPTIONS = ["--trainer.devices", "2", "--soup.experts", "[east]", "--soup.morl", "[]", "--soup.grid", "1"]
OPTIONS += ["--soup.init_epochs", "1", "--trainer.max_epochs", "4", "--soup.validate_every", "2", "--soup.keep", "best"]
OPTIONS += ["--trainer.logger", "CSVLogger", "--trainer.logger.save_dir", "logs", "--trainer.log_every_n_steps", "2"]
SOUP = ("soup", "-c", "point.yaml", "--seed_everything", "3", *OPTIONS)


def test_a_run_on_two_devices_goes_on_where_it_was_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is cut off by the death of its driver, and the stage finished by torchrun."""
    monkeypatch.chdir(tmp_path)
    Path("point.yaml").write_text(POINT_RECIPE)
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert main([*SOUP, "--run_dir", "whole"]) == 0
    assert [line for line in capsys.readouterr().err.splitlines() if "east" in line and line.endswith("...")] == [
        "init (μ: east 1) ...",
        "experts/east (μ: east 1) ...",
    ]
    assert gone(whole, 0)
    record = read_json(whole / "stages/experts/east.json", "")
    assert record["steps"] == 4 * 10 * 32 and len(record["validation"]) == 3

    driver = Command(*SOUP, "--run_dir", "cut")
    while driver.poll() is None and not (cut / "experts/east/last.ckpt").exists():
        time.sleep(0.01)
    driver.kill()
    driver.wait()
    assert gone(cut, 15) and not (cut / "stages/experts/east.json").exists()
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "-m", "rsoup_lightning"]
    subprocess.run([*torchrun, "stage", "cut", "experts/east"], env=environment(), check=True)
    assert main([*SOUP, "--run_dir", "cut"]) == 0
    logs = "logs/lightning_logs/experts/east/metrics.csv"
    for name in ("init/policy.safetensors", "experts/east/policy.safetensors", "front.json", logs):
        assert (whole / name).read_bytes() == (cut / name).read_bytes()


ERROR = """{"ended": {"stage": "init", "error": "no scale", "died": false}}"""


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        ("[ $LOCAL_RANK = 0 ] || kill -9 $$; sleep 600", WorkerDiedError, "its worker was killed"),
        (f"[ $LOCAL_RANK = 0 ] || echo '{ERROR}'; sleep 600", StageError, "^no scale$"),
        (f"[ $LOCAL_RANK = 0 ] && echo '{ERROR}' && sleep 600; sleep 0.2; kill -9 $$", WorkerDiedError, "was killed"),
    ],
    ids=["one is killed", "one has an error", "one is killed, and another ails of that"],
)
def test_what_happens_to_one_ends_all(
    body: str, kind: type[StageError], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    posing(tmp_path, monkeypatch, body)
    run = tmp_path / "run"
    team = Team(run, RunProgress("", 0))
    monkeypatch.setattr("rsoup_lightning.run.team.GRACE", 0.2)
    with pytest.raises(kind, match=message) as raised:
        team.compute(cast(Any, Asked()), "init", "init")
    assert type(raised.value) is kind
    assert gone(run, 0)


class Asked:
    """An experiment that two processes are to train."""

    plan = SimpleNamespace(trainings=("init",))
    module = PointFineTuner()
    recipe = SimpleNamespace(team=2, config=SimpleNamespace(trainer=SimpleNamespace(num_nodes=1)))
    finished = ()


def test_a_worker_says_that_one_died(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = resolved(tmp_path, "--trainer.devices", "2")
    with pytest.raises(StageError), monkeypatch.context() as patch:
        patch.setattr(Team, "compute", killed)
        run_soup(recipe, tmp_path / "run", [0])
    monkeypatch.setattr(Team, "compute", killed)
    assert Worker(tmp_path / "run", RunProgress("", 0)).attempt("init") == Ended("init", "killed", died=True)


def killed(*arguments: Any) -> None:
    raise WorkerDiedError("killed")


def test_several_machines_are_started_by_hand(tmp_path: Path) -> None:
    recipe = resolved(tmp_path, "--trainer.devices", "2", "--trainer.num_nodes", "3")
    command = rf"init trains on 3 nodes: start torchrun --nnodes 3 --nproc_per_node 2 -m .* stage {tmp_path}/run init"
    with pytest.raises(StageError, match=command):
        run_soup(recipe, tmp_path / "run", [0])


def test_what_is_known_here_alone_cannot_be_trained_by_several(tmp_path: Path) -> None:
    recipe = replace(resolved(tmp_path, "--trainer.devices", "2"), metrics={"one": lambda asked, given: [1.0]})
    with pytest.raises(ConfigError, match="one are known only where"):
        run_soup(recipe, tmp_path / "run", [0])
