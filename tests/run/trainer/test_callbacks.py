from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from rsoup_lightning.errors import CoefficientError, ConfigError, MergeError, RSoupError, UnknownNameError
from rsoup_lightning.merging import write_weights
from rsoup_lightning.run.trainer.callbacks import SoupCallback, benchmark_soups, souped, swapped_in
from tests.conftest import PointFineTuner, quiet_trainer

EXPERTS = {"east": torch.tensor([1.0, 0.0]), "north": torch.tensor([0.0, 1.0])}


@pytest.fixture
def experts(tmp_path: Path) -> dict[str, str]:
    for name, place in EXPERTS.items():
        write_weights(tmp_path / name, {"place": place})
    return {name: str(tmp_path / name) for name in EXPERTS}


def test_benchmarks_each_interpolation_under_test(point: PointFineTuner, experts: dict[str, str]) -> None:
    """Evaluation noise is fixed per sample, so each λ must score exactly what its merged place scores."""
    callback = SoupCallback(experts, grid=5)
    (result,) = quiet_trainer(callbacks=[callback]).test(point, verbose=False)
    assert len(callback.points) == 5
    assert [p.kind for p in callback.points] == ["expert", "soup", "soup", "soup", "expert"]
    for found in callback.points:
        assert found.coefficients is not None
        weight = found.coefficients["east"]
        point.policy.place.data = torch.tensor([weight, 1 - weight])
        rollout = point.environment.evaluate(point.policy, torch.arange(12))
        torch.testing.assert_close(torch.tensor(found.scores["east"]).float(), point.rewards["east"](rollout).detach())
    assert result["soup/east=0.5,north=0.5/east"] == pytest.approx(callback.points[2].scores["east"].mean())


def test_weights_are_restored(point: PointFineTuner, experts: dict[str, str]) -> None:
    point.policy.place.data.fill_(0.3)
    quiet_trainer(callbacks=[SoupCallback(experts, grid=3)]).test(point, verbose=False)
    assert point.policy.place.tolist() == pytest.approx([0.3, 0.3])


def test_weights_are_restored_after_an_error(point: PointFineTuner, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any) -> None:
        assert point.policy.place.tolist() == [1.0, 0.0]
        raise RuntimeError("the simulator died")

    monkeypatch.setattr(point.environment, "evaluate", fail)
    weights = [{"place": place} for place in EXPERTS.values()]
    with pytest.raises(RuntimeError, match="died"):
        benchmark_soups(point, weights, [(1.0, 0.0)], point.environment.eval_batches())
    assert point.policy.place.tolist() == [0.0, 0.0]


def test_swapped_in(point: PointFineTuner) -> None:
    with swapped_in(point.policy, {"place": torch.ones(2)}):
        assert point.policy.place.tolist() == [1.0, 1.0]
    assert point.policy.place.tolist() == [0.0, 0.0]


def test_a_policy_that_plays_a_soup(point: PointFineTuner) -> None:
    weights = [{"place": place} for place in EXPERTS.values()]
    with souped(point.policy, weights, (0.25, 0.75)) as policy:
        assert policy is point.policy
        assert policy.place.tolist() == [0.25, 0.75]
    assert point.policy.place.tolist() == [0.0, 0.0]


def test_after_fit_when_asked(point: PointFineTuner, experts: dict[str, str], tmp_path: Path) -> None:
    callback = SoupCallback(experts, grid=3, after_fit=True, output=str(tmp_path / "front.json"))
    quiet_trainer(max_epochs=1, callbacks=[callback]).fit(point)
    assert point.training
    record = json.loads((tmp_path / "front.json").read_text())
    assert [p["coefficients"]["east"] for p in record["points"]] == [0, 0.5, 1]
    assert record["summary"]["lmc"]["holds"] == 1


def test_explicit_points(experts: dict[str, str]) -> None:
    assert SoupCallback(experts, points=[{"north": 1.0}]).coefficients == [(0.0, 1.0)]
    with pytest.raises(UnknownNameError, match="did you mean 'north'"):
        SoupCallback(experts, points=[{"nort": 1.0}])
    with pytest.raises(CoefficientError, match=r"must sum to 1 and not to 0\.7, got {'north': 0\.7}$"):
        SoupCallback(experts, points=[{"north": 0.7}])


def test_experts_that_do_not_fit(point: PointFineTuner, experts: dict[str, str], tmp_path: Path) -> None:
    write_weights(tmp_path / "odd", {"plaice": torch.zeros(2)})
    callback = SoupCallback({**experts, "odd": str(tmp_path / "odd")}, grid=2)
    with pytest.raises(MergeError, match="odd lacks the tensor 'place'"):
        quiet_trainer(callbacks=[callback]).test(point, verbose=False)


def test_an_expert_that_diverged_is_named(point: PointFineTuner, experts: dict[str, str], tmp_path: Path) -> None:
    write_weights(tmp_path / "north", {"place": torch.full((2,), torch.nan)})
    with pytest.raises(MergeError, match="'place' of north holds NaN"):
        quiet_trainer(callbacks=[SoupCallback(experts, grid=3)]).test(point, verbose=False)


def test_a_front_file_needs_named_experts_and_their_corners(point: PointFineTuner, experts: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="every expert alone"):
        SoupCallback(experts, points=[{"east": 0.5, "north": 0.5}], output="front.json")
    callback = SoupCallback({"a": experts["east"], "north": experts["north"]}, output="front.json")
    with pytest.raises(UnknownNameError, match="experts named after them"):
        quiet_trainer(callbacks=[callback]).test(point, verbose=False)


def test_what_would_stop_it_is_said_before_the_training(experts: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for arguments, error in (
        ({"output": str(tmp_path)}, "is a folder"),
        ({"output": str(tmp_path / "file" / "front.json")}, "cannot be written: .*file: File exists"),
        ({"experts": {**experts, "north": str(tmp_path / "absent")}}, "no weights at .*absent"),
    ):
        module = PointFineTuner()
        callback = SoupCallback(**{"experts": experts, **arguments}, after_fit=True)
        trainer = quiet_trainer(max_epochs=1, callbacks=[callback])
        with pytest.raises(RSoupError, match=error):
            trainer.fit(module)
        assert module.steps_taken == 0
    with pytest.raises(ConfigError, match="points is empty"):
        SoupCallback(experts, points=[])


def test_ddp_finds_what_one_process_finds(experts: dict[str, str], tmp_path: Path) -> None:
    fronts = []
    for devices in (1, 2):
        output = tmp_path / f"front-{devices}.json"
        strategy = {"strategy": "ddp_fork"} if devices > 1 else {}
        callback = SoupCallback(experts, grid=3, output=str(output))
        trainer = quiet_trainer(devices=devices, callbacks=[callback], **strategy)
        trainer.test(PointFineTuner(), verbose=False)
        fronts.append(json.loads(output.read_text())["points"])
    assert fronts[0] == fronts[1]
