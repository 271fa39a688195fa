"""The whole run, through the public command: what it leaves, that it resumes, and what it refuses."""

from __future__ import annotations

import json
import random
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from scipy import stats

from rsoup_lightning.__main__ import main
from rsoup_lightning.merging import read_weights, write_weights
from tests.running import POINT_RECIPE, Command, front, rsoup

CHEETAH = """
task: locomotion
model: {hidden: [16], num_envs: 8, horizon: 25, rollouts_per_epoch: 8, eval_episodes: 3,
        env_options: {max_episode_steps: 100}}
trainer: {accelerator: cpu, max_epochs: 4}
soup: {experts: [risky, cautious], init_preference: {default: 1.0}, init_epochs: 3, grid: 3, films: false}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("point")
    (folder / "point.yaml").write_text(POINT_RECIPE)
    rsoup("soup", "-c", "point.yaml", "--run_dir", "run", cwd=folder)
    return folder / "run"


def test_the_run_folder_is_complete(run: Path) -> None:
    for name in ("config.yaml", "run.json", "front.json", "front.png", "report.html", "shown/000.json"):
        assert (run / name).stat().st_size > 0, name
    files = {str(file.relative_to(run / "stages").with_suffix("")): file for file in (run / "stages").rglob("*.*")}
    stages = {name: json.loads(file.read_text()) for name, file in files.items()}
    assert {*stages} == {"init", "experts/east", "experts/north", "baselines/morl/0", "front"}
    assert stages.pop("front").keys() == {"seconds", "front"}
    assert all((run / name / "policy.safetensors").exists() for name in stages)
    assert stages["experts/east"]["steps"] == 3 * 10 * 8 * 4
    assert len(stages["experts/east"]["history"]) == 3
    assert 'id="learning"' in (run / "report.html").read_text()
    assert not list(run.rglob("*.ckpt"))
    assert not list(run.rglob("*.tmp"))


def test_the_front_is_what_the_maths_says(run: Path) -> None:
    """On quadratic rewards the score of the merged place is known exactly; so is LMC."""
    record = front(run)
    assert record["rewards"] == record["experts"] == ["east", "north"]
    assert [p["kind"] for p in record["points"]] == ["expert", "soup", "soup", "soup", "expert", "init", "morl"]
    east, north = (read_weights(run / "experts" / name)["place"] for name in ("east", "north"))
    noise = torch.stack([torch.randn(2, generator=torch.Generator().manual_seed(i)) for i in range(12)])
    for point in record["points"][:5]:
        weight = point["coefficients"]["east"]
        actions = weight * east + (1 - weight) * north + 0.1 * noise
        expected = -(actions - torch.tensor([1.0, 0.0])).square().sum(-1).mean().item()
        assert point["scores"]["east"] == pytest.approx(expected, abs=1e-5)
        low, high = point["ci95"]["east"]
        assert low <= point["scores"]["east"] <= high
        assert point["completions"] == 12
    assert record["summary"]["lmc"]["holds"] == record["summary"]["lmc"]["of"] == 3
    assert record["summary"]["training_cost"] == {"soup": (2 + 3 + 3) * 320, "morl": (2 + 3 + 3 + 3) * 320}


def test_experts_start_from_the_same_init_and_improve_on_it(run: Path) -> None:
    points = front(run)["points"]
    init = next(point for point in points if point["kind"] == "init")
    for point in points:
        if point["kind"] == "expert":
            (name,) = point["preference"]
            assert point["ci95"][name][0] > init["ci95"][name][1]


def test_development_evaluates_the_same_policies_on_other_entries(run: Path) -> None:
    rsoup("soup", "-c", "point.yaml", "--run_dir", "dev", "--soup.split", "dev", cwd=run.parent)
    for name in ("init", "experts/east"):
        first, second = (read_weights(folder / name) for folder in (run, run.parent / "dev"))
        assert all(first[key].equal(second[key]) for key in first)
    reported, chosen_by = (front(folder)["points"] for folder in (run, run.parent / "dev"))
    assert [point["kind"] for point in reported] == [point["kind"] for point in chosen_by]
    assert all(a["scores"]["east"] != b["scores"]["east"] for a, b in zip(reported, chosen_by, strict=True))


def test_again_is_nothing_new(run: Path) -> None:
    before, stage = front(run), (run / "stages" / "init.json").read_text()
    rsoup("soup", "-c", "point.yaml", "--run_dir", "run", cwd=run.parent)
    assert front(run) == before
    assert (run / "stages" / "init.json").read_text() == stage


def test_another_configuration_is_refused(run: Path) -> None:
    done = rsoup("soup", "-c", "point.yaml", "--run_dir", "run", "--soup.grid", "7", cwd=run.parent, status=2)
    assert "soup.grid: 5 in the folder, 7 now" in done.stderr
    assert "Traceback" not in done.stderr


def test_damaged_weights_are_named(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "run")
    shutil.copy(run.parent / "point.yaml", tmp_path)
    file = tmp_path / "run" / "experts" / "north" / "policy.safetensors"
    file.write_bytes(file.read_bytes()[:50])
    done = rsoup("soup", "-c", "point.yaml", "--run_dir", "run", cwd=tmp_path, status=2)
    assert "north/policy.safetensors is not a whole safetensors file" in done.stderr


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda text: text[: len(text) // 2], "cannot read .*front.json"),
        (lambda text: json.dumps({**json.loads(text), "schema": 1}), "schema 1, that of an earlier version"),
        (lambda text: text.replace('"soup"', '"morl"', 1), "has changed since it was written"),
    ],
)
def test_a_front_that_cannot_be_read_is_named_and_evaluated_anew_without_training(
    run: Path, tmp_path: Path, change: Callable[[str], str], reason: str
) -> None:
    shutil.copytree(run, tmp_path / "run")
    shutil.copy(run.parent / "point.yaml", tmp_path)
    file = tmp_path / "run" / "front.json"
    whole, experts = file.read_text(), (tmp_path / "run" / "experts" / "north" / "policy.safetensors").read_bytes()
    file.write_text(change(whole))
    done = rsoup("soup", "-c", "point.yaml", "--run_dir", "run", cwd=tmp_path, status=2)
    assert re.search(f"rsoup: .*{reason}.*delete it", done.stderr) and "Traceback" not in done.stderr
    file.unlink()
    rsoup("soup", "-c", "point.yaml", "--run_dir", "run", cwd=tmp_path)
    assert file.read_text() == whole
    assert (tmp_path / "run" / "experts" / "north" / "policy.safetensors").read_bytes() == experts


def test_a_stage_that_is_trained_anew_is_evaluated_anew(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "run")
    shutil.copy(run.parent / "point.yaml", tmp_path)
    whole = front(tmp_path / "run")
    (tmp_path / "run/front.json").write_text(json.dumps({**whole, "task": "another"}))  # as of an earlier training
    (tmp_path / "run/stages/experts/north.json").unlink()
    rsoup("soup", "-c", "point.yaml", "--run_dir", "run", cwd=tmp_path)
    assert front(tmp_path / "run") == whole


def test_several_seeds_give_one_front_with_spread(tmp_path: Path) -> None:
    (tmp_path / "point.yaml").write_text(POINT_RECIPE)
    rsoup("soup", "-c", "point.yaml", "--run_dir", "run", "--seeds", "3", "4", "5", cwd=tmp_path)
    record, singles = front(tmp_path / "run"), [front(tmp_path / "run" / f"seed-{seed}") for seed in (3, 4, 5)]
    for index, point in enumerate(record["points"]):
        values = [single["points"][index]["scores"]["east"] for single in singles]
        assert point["per_seed"]["east"] == values
        assert point["scores"]["east"] == pytest.approx(sum(values) / 3)
        assert point["standard_errors"]["east"] == pytest.approx(stats.sem(values))
    assert record["degrees_of_freedom"] == 2
    assert len({tuple(point["per_seed"]["north"]) for point in record["points"]}) > 1
    assert (tmp_path / "run" / "report.html").exists()


def test_killed_at_any_moment_it_ends_with_the_same_front(tmp_path: Path) -> None:
    """SIGKILL at five random moments, then the same command: identical scores, on a simulator."""
    (tmp_path / "cheetah.yaml").write_text(CHEETAH)
    command = ("soup", "-c", "cheetah.yaml", "--run_dir")
    start = time.monotonic()
    rsoup(*command, "whole", cwd=tmp_path)
    duration = time.monotonic() - start
    moments = random.Random()
    killed = 0
    for _ in range(5):
        process = Command(*command, "killed", cwd=tmp_path)
        try:
            process.wait(timeout=moments.uniform(0.3, 0.9) * duration)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            killed += 1
    rsoup(*command, "killed", cwd=tmp_path)
    assert killed > 0
    assert front(tmp_path / "killed") == front(tmp_path / "whole")


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    (tmp_path / "point.yaml").write_text(POINT_RECIPE)
    command = ["soup", "-c", "point.yaml", "--run_dir", "run", "--trainer.max_epochs", "1000000"]
    first = Command(*command, cwd=tmp_path)
    try:
        while first.poll() is None and not (tmp_path / "run" / "run.json").exists():
            time.sleep(0.05)
        done = rsoup(*command, cwd=tmp_path, status=2)
        assert f"run is in use by process {first.pid} on {socket.gethostname()}" in done.stderr
        assert "Traceback" not in done.stderr
        assert first.poll() is None
    finally:
        first.kill()
        first.wait()


def test_a_start_made_anew_leaves_no_run_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("point.yaml").write_text(POINT_RECIPE.replace("model:", "model:\n  init_weights: start"))
    write_weights(Path("start"), {"place": torch.zeros(2)})
    command = ["soup", "-c", "point.yaml", "--run_dir", "run", "--seeds", "0", "1"]
    assert main(command) == 0
    assert main(command) == 0
    record = (tmp_path / "run" / "front.json").read_bytes()
    write_weights(Path("start"), {"place": torch.ones(2)})
    capsys.readouterr()
    assert main(command) == 2
    error = capsys.readouterr().err
    assert "start has changed since the run in run began: policy.safetensors (other content)" in error
    assert (tmp_path / "run" / "front.json").read_bytes() == record


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    (tmp_path / "point.yaml").write_text(POINT_RECIPE)
    folder = tmp_path / "run" / "init"
    rsoup("soup", "-c", "point.yaml", "--run_dir", "run", cwd=tmp_path)
    (tmp_path / "run" / "stages" / "init.json").unlink()
    (folder / "last.ckpt").write_bytes(b"cut off")
    done = rsoup("soup", "-c", "point.yaml", "--run_dir", "run", cwd=tmp_path, status=2)
    assert "cannot resume" in done.stderr
    assert "last.ckpt" in done.stderr


def test_not_finite_reward_keeps_the_last_checkpoint(tmp_path: Path) -> None:
    """A reward that turns NaN in the middle of a stage: named, and what was trained before can be resumed."""
    (tmp_path / "late.py").write_text(
        "import torch\n"
        "from tests.conftest import Near, PointFineTuner\n"
        "class Late(Near):\n"
        "    calls = 0\n"
        "    def __call__(self, rollout):\n"
        "        Late.calls += 1\n"
        "        return super().__call__(rollout) * (float('nan') if Late.calls > 15 else 1)\n"
        "class LateFineTuner(PointFineTuner):\n"
        "    def __init__(self, **kwargs):\n"
        "        super().__init__(**kwargs)\n"
        "        self.rewards['north'] = Late(0, 1)\n"
    )
    (tmp_path / "late.yaml").write_text(POINT_RECIPE.replace("tests.conftest:Point", "late:Late"))
    done = rsoup("soup", "-c", "late.yaml", "--run_dir", "run", cwd=tmp_path, status=2, PYTHONPATH=str(tmp_path))
    assert "reward 'north' is nan at training step 15, completion 0" in done.stderr
    checkpoint = torch.load(tmp_path / "run" / "init" / "last.ckpt", weights_only=True)
    assert checkpoint["epoch"] == 0
    assert checkpoint["state_dict"]["policy.place"].isfinite().all()
    assert not (tmp_path / "run" / "init" / "policy.safetensors").exists()


def test_a_mistake_does_not_claim_the_folder(tmp_path: Path) -> None:
    """What is mended can run in the same folder."""
    (tmp_path / "point.yaml").write_text(POINT_RECIPE)
    command = ["soup", "-c", "point.yaml", "--run_dir", "run", "--soup.experts"]
    done = rsoup(*command, "[eats, north]", cwd=tmp_path, status=2)
    assert "did you mean 'east'" in done.stderr
    assert not (tmp_path / "run").exists()


def test_experts_of_another_init_are_refused(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "run")
    shutil.copy(run.parent / "point.yaml", tmp_path)
    shutil.copy(run / "experts" / "east" / "policy.safetensors", tmp_path / "run" / "init" / "policy.safetensors")
    (tmp_path / "run" / "front.json").unlink()
    done = rsoup("soup", "-c", "point.yaml", "--run_dir", "run", cwd=tmp_path, status=2)
    assert "experts/east did not begin at run/init" in done.stderr
