"""Seeded damage to what commands read beside ``merge``: refused in a line with nothing left, or taken rightly.

``RSOUP_CORRUPTIONS`` says how many seeds of each run, as for ``tests/merging/test_corruption.py``.
"""

from __future__ import annotations

import json
import shutil
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from rsoup_lightning.commands.fit import fit_command
from rsoup_lightning.commands.pick import pick_command
from rsoup_lightning.commands.soup import soup_command
from rsoup_lightning.merging import linear, write_weights
from tests.conftest import PointFineTuner, quiet_trainer
from tests.merging.corruptions import damage
from tests.outcomes import Case, survey
from tests.running import POINT_RECIPE


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run, with its recipe beside it."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "r.yaml").write_text(POINT_RECIPE)
    with redirect_stdout(StringIO()):
        soup_command(["-c", str(folder / "r.yaml"), "--run_dir", str(folder / "run")])
    return folder / "run"


def policy(path: Path) -> dict[str, Tensor]:
    """The weights of a policy, by an independent reader."""
    if path.is_dir():
        return load_file(path / "policy.safetensors")
    held = torch.load(path, weights_only=True)
    return held if path.suffix == ".pt" else {"place": held["state_dict"]["policy.place"]}


def test_init_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = PointFineTuner()
    made = [tmp_path / name for name in ("folder", "a.ckpt", "a.pt")]
    write_weights(made[0], module.policy.weights())
    quiet_trainer(max_epochs=1).fit(module)
    module.trainer.save_checkpoint(made[1])
    torch.save(module.policy.weights(), made[2])

    def case(work: Path, chance: Random) -> Case:
        source = chance.choice(made)
        path = work / source.name
        (shutil.copytree if source.is_dir() else shutil.copyfile)(source, path)
        done = damage(path, chance)

        def check(tuner: PointFineTuner) -> None:
            torch.testing.assert_close(tuner.policy.weights(), policy(path), rtol=0, atol=0)

        return Case(done, [path], lambda: PointFineTuner(init_weights=str(path)), check)

    survey("init_weights", case, tmp_path, monkeypatch)


def test_pick(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def case(work: Path, chance: Random) -> Case:
        shutil.copytree(run, work / "run", ignore=shutil.ignore_patterns("*.png", "*.html", "init", "baselines"))
        done = damage(work / "run", chance)
        output = work / "picked"

        def merged() -> Path:
            with redirect_stdout(StringIO()):
                pick_command([str(work / "run"), "--preference", "{east: 0.7, north: 0.3}", "--output", str(output)])
            return output

        def check(written: Path) -> None:
            shares = json.loads((written / "pick.json").read_text())["coefficients"]
            experts = [policy(work / "run/experts" / name) for name in shares]
            torch.testing.assert_close(policy(written), linear(experts, list(shares.values())))

        return Case(done, [work / "run"], merged, check)

    survey("pick", case, tmp_path, monkeypatch)


def test_resumed_runs(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    front = json.loads((run / "front.json").read_text())

    def case(work: Path, chance: Random) -> Case:
        shutil.copytree(run, work / "run")
        done = damage(work / "run", chance)

        def again() -> Any:
            with redirect_stdout(StringIO()):
                return soup_command(["-c", str(run.parent / "r.yaml"), "--run_dir", str(work / "run")])

        def check(_: Any) -> None:
            now = json.loads((work / "run/front.json").read_text())
            if now != front:
                raise ValueError("another front")

        return Case(done, [work / "run"], again, check, strict=False)

    survey("resumed run", case, tmp_path, monkeypatch)


def test_checkpoints_to_go_on_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "r.yaml").write_text(POINT_RECIPE.replace("trainer: {", "trainer: {logger: false, "))
    trainer = quiet_trainer(max_epochs=1)
    trainer.fit(PointFineTuner(optimizer=torch.optim.Adam))
    trainer.save_checkpoint(tmp_path / "whole.ckpt")

    def case(work: Path, chance: Random) -> Case:
        path = Path(shutil.copyfile(tmp_path / "whole.ckpt", work / "whole.ckpt"))
        (work / "cwd").mkdir()
        monkeypatch.chdir(work / "cwd")
        done = damage(path, chance)
        options = ["-c", str(tmp_path / "r.yaml"), "--trainer.max_epochs", "2"]

        def go_on() -> Any:
            with redirect_stdout(StringIO()):
                return fit_command(["fit", *options, "--ckpt_path", str(path)])

        return Case(done, [path], go_on, lambda _: None, strict=False)

    survey("ckpt_path", case, tmp_path, monkeypatch)
