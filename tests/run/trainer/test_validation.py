"""What a stage ends with when the best is kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
import yaml

from rsoup_lightning.__main__ import main
from rsoup_lightning.guards import Guard
from rsoup_lightning.merging import read_weights
from rsoup_lightning.modalities.control import SimulatorEnvironment
from rsoup_lightning.modalities.control.rewards import Info
from rsoup_lightning.module import RewardFineTuner
from rsoup_lightning.run.trainer.validation import Validation, evaluating
from tests.conftest import PointFineTuner, quiet_trainer
from tests.running import POINT_RECIPE


def trained(epochs: int = 6, every: int = 2, lr: float = 0.02, **settings: Any) -> tuple[Validation, PointFineTuner]:
    module = PointFineTuner(preference={"east": 1.0}, optimizer=partial(torch.optim.Adam, lr=lr), **settings)
    validation = Validation(every)
    quiet_trainer(max_epochs=epochs, callbacks=[validation]).fit(module)
    return validation, module


def test_it_evaluates_before_the_training_every_so_many_epochs_and_at_its_end() -> None:
    validation, module = trained(epochs=5)
    assert [entry["epochs"] for entry in validation.history] == [0, 2, 4, 5]
    batch = torch.arange(12, 24)
    east = module.rewards["east"](module.environment.evaluate(module.policy, batch)).mean().item()
    assert validation.history[-1]["scores"]["east"] == pytest.approx(east, abs=1e-6)


def test_it_changes_nothing_of_the_training() -> None:
    alone = PointFineTuner(preference={"east": 1.0})
    quiet_trainer(max_epochs=4).fit(alone)
    assert torch.equal(trained(epochs=4, every=1)[1].policy.place, alone.policy.place)


def test_it_changes_nothing_of_a_training_in_simulators() -> None:
    weights = []
    for callbacks in ([], [Validation(1)]):
        torch.manual_seed(0)
        environment = SimulatorEnvironment(
            "tests.modalities.control.own:Signs-v0", num_envs=4, horizon=5, rollouts_per_epoch=3, eval_episodes=3
        )
        policy = environment.policy((8,))
        module = RewardFineTuner(environment, policy, {"obeyed": Info("obeyed"), "left": Info("turns.left")})
        quiet_trainer(max_epochs=3, callbacks=callbacks).fit(module)
        weights.append(policy.weights())
    assert all(torch.equal(tensor, weights[1][name]) for name, tensor in weights[0].items())


def test_the_best_is_kept() -> None:
    """Steps of this size overshoot the goal again and again."""
    validation, _ = trained(epochs=12, every=1, lr=0.3)
    objectives = [entry["objective"] for entry in validation.history]
    assert validation.kept["objective"] == max(objectives[1:]) > objectives[-1]
    assert validation.kept["objective"] == pytest.approx(validation.kept["scores"]["east"])
    module = PointFineTuner()
    module.policy.load_weights(validation.weights)
    east = module.rewards["east"](module.environment.evaluate(module.policy, torch.arange(12, 24))).mean().item()
    assert validation.kept["scores"]["east"] == pytest.approx(east, abs=1e-6)


def test_the_objective_is_mu_weighted_on_the_standardised_scale() -> None:
    module = PointFineTuner(preference={"east": 0.25, "north": 0.75}, normalisation={"east": (1, 2), "north": (0, 0.1)})
    validation = Validation(1)
    quiet_trainer(max_epochs=1, callbacks=[validation]).fit(module)
    scores = validation.kept["scores"]
    wanted = 0.25 * (scores["east"] - 1) / 2 + 0.75 * scores["north"] / 0.1
    assert validation.kept["objective"] == pytest.approx(wanted, rel=1e-5)


def test_of_those_that_break_a_guard_none_is_best_while_one_holds_it() -> None:
    validation, _ = trained(every=1, guards={"north": Guard("init - 0.3", rate=1e-6)}, normalisation=SCALE)
    history = validation.history
    holds = [entry for entry in history[1:] if not entry["broken"]]
    assert history[-1]["broken"].keys() == {"north"} and holds
    assert validation.kept == max(holds, key=lambda entry: entry["objective"])
    assert validation.kept["objective"] < history[-1]["objective"]
    limit = history[0]["scores"]["north"] - 0.3
    assert history[-1]["broken"]["north"] == pytest.approx((limit - history[-1]["scores"]["north"]) / 0.2, rel=1e-4)


def test_where_none_holds_the_one_that_lacks_least_is_best_and_said_so() -> None:
    validation, _ = trained(every=1, guards={"north": Guard(5.0, rate=1e-6)})
    assert validation.kept["epochs"] == 1
    assert "epoch 1 of 6" in validation.described() and "no evaluation holds every guard" in validation.described()


def test_each_part_is_in_its_own_mode_again() -> None:
    module = torch.nn.Sequential(torch.nn.Dropout(), torch.nn.Dropout().eval())
    with evaluating(module):
        assert not any(part.training for part in module.modules())
    assert [part.training for part in module.modules()] == [True, True, False]


SCALE = {"east": (-1.0, 0.2), "north": (-1.0, 0.2)}


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Runs the point in a folder; gives it."""
    monkeypatch.chdir(tmp_path)
    values = yaml.safe_load(POINT_RECIPE)
    values["model"]["guards"] = {"north": {"at_least": "init - 0.3"}}
    values["trainer"]["max_epochs"] = 6
    values["soup"] |= {"normalise": 2, "validate_every": 1, "keep": "best", "morl": [], "experts": ["east"]}
    values["soup"] |= {"init_preference": {"east": 1.0}, "grid": 2}
    Path("point.yaml").write_text(yaml.safe_dump(values))

    def run(name: str, *options: str) -> Path:
        assert main(["soup", "-c", "point.yaml", "--run_dir", name, *options]) == 0
        return tmp_path / name

    return run


def test_a_stage_ends_with_the_best_and_records_which(
    recipe: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    run = recipe("run", "--model.guards.north.rate", "1e-6")
    record = json.loads((run / "stages/experts/east.json").read_text())
    best = next(entry for entry in record["validation"] if entry["epochs"] == record["kept"])
    assert 0 < record["kept"] < 6 and not best["broken"]
    assert f"experts/east keeps epoch {record['kept']} of 6 (" in capsys.readouterr().err
    module = PointFineTuner(init_weights=str(run / "experts/east"))
    east = module.rewards["east"](module.environment.evaluate(module.policy, torch.arange(12, 24))).mean().item()
    assert best["scores"]["east"] == pytest.approx(east, abs=1e-6)


def test_killed_and_resumed_it_keeps_the_same(recipe: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    whole = recipe("whole")

    class Killed(Exception):
        pass

    original, calls = Validation.on_train_epoch_end, 0

    def dies(self: Validation, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        nonlocal calls
        calls += 1
        if calls == 6:
            raise Killed
        original(self, trainer, pl_module)

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(Validation, "on_train_epoch_end", dies)
        recipe("killed")
    killed = recipe("killed")
    for stage in ("init", "experts/east"):
        records = [json.loads((run / f"stages/{stage}.json").read_text()) for run in (whole, killed)]
        spent = {"seconds": 0, "memory": 0}  # measured: no two runs have the same
        assert all(record["memory"] is None or record["memory"] > 1e8 for record in records)
        assert [{**record, **spent} for record in records] == [{**records[0], **spent}] * 2
        assert torch.equal(*(read_weights(run / stage)["place"] for run in (whole, killed)))
    assert calls == 6


def test_settings_that_cannot_be(refused: Callable[..., str]) -> None:
    recipe = yaml.safe_load(POINT_RECIPE)
    assert "soup.keep is best: set soup.validate_every" in refused("soup", "--soup.keep", "best", recipe=recipe)
    assert "must not be negative" in refused("soup", "--soup.validate_every", "-1", recipe=recipe)


@pytest.mark.parametrize("rounds", [2, 3])
@pytest.mark.parametrize("method", ["IteratedSoup", "WARP"])
def test_limits_are_measured_from_init_in_every_round(recipe: Callable[..., Path], method: str, rounds: int) -> None:
    guard = ["--model.guards.north.at_least", "init - 0.05", "--model.guards.north.rate", "1e-6"]
    options = ["--soup.method.rounds", str(rounds), "--model.kl.coefficient", "0.01", "--soup.experts", "[east,north]"]
    run = recipe("run", "--soup.method", method, *options, *guard)
    first, last = (
        json.loads((run / f"stages/{name}/east.json").read_text())["validation"] for name in ("rounds/0", "experts")
    )
    limit = first[0]["scores"]["north"] - 0.05
    spread = json.loads((run / "init/normalisation.json").read_text())["north"][1]
    assert first[0]["scores"] != last[0]["scores"]
    for entry in [*first, *last]:
        lack = (limit - entry["scores"]["north"]) / spread
        assert entry["broken"] == (pytest.approx({"north": lack}, rel=1e-4) if lack > 0 else {})
    assert last[-1]["broken"]
