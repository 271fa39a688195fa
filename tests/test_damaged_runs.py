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
from peft import PeftModel
from safetensors.torch import load_file
from torch import Tensor

from rsoup_lightning.commands.fit import fit_command
from rsoup_lightning.commands.pick import pick_command
from rsoup_lightning.commands.soup import soup_command
from rsoup_lightning.merging import linear, write_weights
from rsoup_lightning.merging.policy_weights import read_experts
from rsoup_lightning.run.trainer.callbacks import SoupCallback
from tests.conftest import PointFineTuner, quiet_trainer
from tests.merging.corruptions import damage
from tests.merging.test_corruption import copied
from tests.merging.test_policy_weights import TARGETS, adapter, logits
from tests.merging.test_policy_weights import policy as language_policy
from tests.modalities.language.tiny import llama
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


def trained(folder: Path, seed: int = 0) -> list[Path]:
    """The weights of a policy in every form that is read for one."""
    made = [folder / f"expert-{seed}{name}" for name in ("", ".ckpt", ".pt")]
    module = PointFineTuner(seed=seed)
    quiet_trainer(max_epochs=1).fit(module)
    write_weights(made[0], module.policy.weights())
    module.trainer.save_checkpoint(made[1])
    torch.save(module.policy.weights(), made[2])
    return made


def test_init_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = trained(tmp_path)

    def case(work: Path, chance: Random) -> Case:
        path = copied(chance.choice(made), work)
        done = damage(path, chance)

        def check(tuner: PointFineTuner) -> None:
            torch.testing.assert_close(tuner.policy.weights(), policy(path), rtol=0, atol=0)

        return Case(done, [path], lambda: PointFineTuner(init_weights=str(path)), check)

    survey("init_weights", case, tmp_path, monkeypatch)


def test_experts_of_a_soup_callback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = [trained(tmp_path, seed) for seed in (0, 1)]

    def case(work: Path, chance: Random) -> Case:
        paths = [copied(chance.choice(forms), work) for forms in made]
        done = damage(chance.choice(paths), chance)
        module = PointFineTuner()

        def benchmarked() -> SoupCallback:
            experts = dict(zip(("east", "north"), map(str, paths), strict=True))
            callback = SoupCallback(experts, points=[{"east": 0.3, "north": 0.7}])
            quiet_trainer(callbacks=[callback]).test(module, verbose=False)
            return callback

        def check(callback: SoupCallback) -> None:
            module.policy.load_weights(linear([policy(path) for path in paths], [0.3, 0.7]))
            rollout = module.environment.evaluate(module.policy, torch.arange(12))
            scores = torch.from_numpy(callback.points[0].scores["east"]).float()
            torch.testing.assert_close(scores, module.rewards["east"](rollout).detach())

        named = [*paths, Path("east"), Path("north")]  # as the user calls them
        return Case(done, named, benchmarked, check, strict=False)

    survey("SoupCallback", case, tmp_path, monkeypatch)


@pytest.mark.filterwarnings("ignore")
def test_adapters_of_a_soup_callback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It reads its experts as they are read here."""
    whole = adapter(tmp_path / "whole", 1)
    module = language_policy(rank=2, targets=TARGETS)

    def case(work: Path, chance: Random) -> Case:
        path = copied(whole, work)
        done = damage(path, chance)

        def check(weights: dict[str, Tensor]) -> None:
            module.load_weights(weights)
            expected = logits(PeftModel.from_pretrained(llama(), path))
            torch.testing.assert_close(logits(module.model), expected, rtol=1e-4, atol=1e-4)

        return Case(done, [path], lambda: read_experts({"a": path}, module, module.weights())["a"], check)

    survey("adapters of SoupCallback", case, tmp_path, monkeypatch)


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
