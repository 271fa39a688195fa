"""Runs of every method: what is trained, what is measured, and which policy a preference gets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from torch import Tensor

from rsoup_lightning.__main__ import main
from rsoup_lightning.files import read_json
from rsoup_lightning.front.record import read_record
from rsoup_lightning.merging import read_weights
from rsoup_lightning.modalities.control import GaussianMLP
from rsoup_lightning.playing.load import load
from tests.conftest import PointFineTuner
from tests.playing.conftest import CHEETAH
from tests.running import POINT_RECIPE, WITHOUT_MORL

THREE = ["--soup.method.preferences", "3"]


@pytest.mark.parametrize(
    ("method", "experts", "merges"),
    [
        (["RewardedSoup"], {"east": (1, 0), "north": (0, 1)}, 5),
        (["BoneSoup", "--soup.method.beta", "0.75"], {"east": (0.75, 0.25), "north": (0.25, 0.75)}, 5),
        (["IteratedSoup", *WITHOUT_MORL], {"east": (1, 0), "north": (0, 1)}, 5),
        (["Anchors", *THREE], {"north": (0, 1), "0.5-0.5": (0.5, 0.5), "east": (1, 0)}, 5),
        (["MORL", *THREE], {"north": (0, 1), "0.5-0.5": (0.5, 0.5), "east": (1, 0)}, 3),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_from_the_command_to_the_policy_of_a_preference(
    method: list[str], experts: dict[str, tuple[float, float]], merges: int, tmp_path: Path
) -> None:
    recipe, run, picked = (str(tmp_path / name) for name in ("point.yaml", "run", "picked"))
    Path(recipe).write_text(POINT_RECIPE)
    assert main(["soup", "-c", recipe, "--run_dir", run, "--soup.method", *method]) == 0
    front = read_record(Path(run) / "front.json")
    assert front["rewards"] == ["east", "north"] and front["experts"] == [*experts]
    alone = [point for point in front["points"] if point["kind"] == "expert"]
    for point in alone:
        (name,) = (name for name, weight in point["coefficients"].items() if weight)
        trained_on = [point["preference"].get(reward, 0) for reward in front["rewards"]]
        assert trained_on == pytest.approx(experts[name])
    assert len(alone) == len(experts)
    assert len([point for point in front["points"] if point["coefficients"]]) == merges
    costs = [read_json(Path(run) / f"stages/{name}.json", "")["steps"] for name in (f"experts/{e}" for e in experts)]
    assert len({*costs}) == 1
    assert main(["soup", "-c", recipe, "--run_dir", run, "--soup.method", *method]) == 0, "it is finished"

    assert main(["pick", run, "--preference", "{east: 1.0}", "--output", picked]) == 0
    chosen = read_json(Path(picked) / "pick.json", "")["coefficients"]
    trained = [read_weights(Path(run) / "experts" / name)["place"] for name in experts]
    wanted = sum(weight * place for weight, place in zip(chosen.values(), trained, strict=True))
    torch.testing.assert_close(read_weights(Path(picked))["place"], wanted)
    soup = load(run)
    played = soup.mixed([tuple(chosen.values())])
    torch.testing.assert_close(played.weights()["place"], wanted)
    if method[0] == "BoneSoup":
        assert min(chosen.values()) < 0, "a preference purer than the experts'"


def _slerp(start: Tensor, first: Tensor, second: Tensor, share: float) -> Tensor:
    """By Shoemake's formula, of two vectors in the plane."""
    a, b = first - start, second - start
    angle = torch.arccos((a @ b) / (a.norm() * b.norm()))
    return start + (torch.sin(share * angle) * a + torch.sin((1 - share) * angle) * b) / torch.sin(angle)


@pytest.mark.parametrize(
    ("method", "origin"),
    [
        (["RewardedSoup", "--soup.method.merge", "slerp"], "init"),
        (["WARP", "--model.kl.coefficient", "0.05", *WITHOUT_MORL], "rounds/0/start"),
    ],
    ids=["RewardedSoup", "WARP"],
)
def test_another_merge_method_from_the_command_to_the_policy_of_a_preference(
    method: list[str], origin: str, tmp_path: Path
) -> None:
    recipe, run, picked = (str(tmp_path / name) for name in ("point.yaml", "run", "picked"))
    Path(recipe).write_text(POINT_RECIPE)
    assert main(["soup", "-c", recipe, "--run_dir", run, "--soup.method", *method]) == 0

    def place(stage: str) -> Tensor:
        return read_weights(Path(run) / stage)["place"]

    def merged(share: float) -> Tensor:
        return _slerp(place(origin), place("experts/east"), place("experts/north"), share)

    front, module = read_record(Path(run) / "front.json"), PointFineTuner()
    for point in (point for point in front["points"] if point["kind"] in ("soup", "expert")):
        assert point["method"] == "slerp"
        module.policy.load_weights({"place": merged(point["coefficients"]["east"])})
        rollout = module.environment.evaluate(module.policy, torch.arange(12))
        scores = {name: reward(rollout).mean().item() for name, reward in module.rewards.items()}
        assert point["scores"] == pytest.approx(scores, abs=1e-5)
    if method[0] == "WARP":
        mean = _slerp(place("init"), place("rounds/0/east"), place("rounds/0/north"), 0.5)
        torch.testing.assert_close(place(origin), 0.7 * place("init") + 0.3 * mean)

    assert main(["pick", run, "--preference", "{east: 0.5, north: 0.5}", "--output", picked]) == 0
    share = read_json(Path(picked) / "pick.json", "")["coefficients"]["east"]
    torch.testing.assert_close(read_weights(Path(picked))["place"], merged(share))
    torch.testing.assert_close(load(run).mixed([(0.25, 0.75)]).weights()["place"], merged(0.25))


@pytest.mark.parametrize(
    ("method", "stage"),
    [
        (["IteratedSoup", *WITHOUT_MORL], "rounds/0/east"),
        (["WARP", "--model.kl.coefficient", "0.05", "--soup.normalise", "1", *WITHOUT_MORL], "init"),
        (["Conditioned", "--soup.method.points", "1", *WITHOUT_MORL], "together"),
    ],
    ids=["IteratedSoup", "WARP", "Conditioned"],
)
def test_what_is_made_of_a_training_is_made_anew_with_it(method: list[str], stage: str, tmp_path: Path) -> None:
    recipe, run = tmp_path / "point.yaml", tmp_path / "run"
    recipe.write_text(POINT_RECIPE)
    command = ["soup", "-c", str(recipe), "--run_dir", str(run), "--soup.method", *method]
    assert main(command) == 0
    before = (run / "front.json").read_bytes()
    (run / "stages" / f"{stage}.json").unlink()
    assert main(command) == 0
    assert (run / "front.json").read_bytes() == before


def test_a_merge_method_is_refused_before_anything_is_trained(refused: Callable[..., str]) -> None:
    point = yaml.safe_load(POINT_RECIPE)
    assert "unknown merge method 'slrp': did you mean 'slerp'" in refused(
        "soup", "--soup.method.merge", "slrp", recipe=point
    )
    point["soup"]["morl"] = []
    assert "set model.kl.coefficient" in refused("soup", "--soup.method", "WARP", recipe=point)


def test_outputs_are_mixed_from_the_command_to_the_action(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = tmp_path / "cheetah.yaml"
    recipe.write_text(CHEETAH)
    scores = {}
    for method, mixing in (("RewardedSoup", "linear"), ("OutputMixing", "outputs")):
        assert main(["soup", "-c", str(recipe), "--run_dir", str(tmp_path / mixing), "--soup.method", method]) == 0
        front = read_record(tmp_path / mixing / "front.json")
        assert {point["method"] for point in front["points"] if point["coefficients"]} == {mixing}
        scores[mixing] = [point["scores"] for point in front["points"]]
    same = [one == other for one, other in zip(*scores.values(), strict=True)]
    assert same == [True, False, True, True], "all but the middle is one expert's, or init's"

    run, seen = tmp_path / "outputs", np.random.default_rng(0).normal(size=(20, 17))
    soup, experts = load(run), []
    for name in soup.experts:
        experts.append(GaussianMLP(17, 6, hidden=(16,)))
        experts[-1].load_weights(read_weights(run / "experts" / name))
    counts = [share * expert.precision.detach().numpy() for share, expert in zip((0.2, 0.8), experts, strict=True)]
    weighed = [count * expert.player()(seen) for count, expert in zip(counts, experts, strict=True)]
    expected = (sum(weighed) / sum(counts)).clip(-1, 1)
    assert soup.side_by_side
    assert np.allclose(soup.at(risky=0.2, cautious=0.8).act(seen), expected, atol=1e-6)
    assert not np.allclose(load(tmp_path / "linear").at(risky=0.2, cautious=0.8).act(seen), expected, atol=1e-6)

    assert main(["pick", str(run), "--preference", "{risky: 1.0}", "--output", str(tmp_path / "picked")]) == 2
    assert "are mixed by outputs, which no merged weights play" in capsys.readouterr().err
    served = ["serve", str(run), "--engine", "vllm", "--url", "http://127.0.0.1:1"]
    assert main(served) == 2
    assert "vLLM averages weights" in capsys.readouterr().err


def test_what_cannot_mix_outputs_is_refused_before_anything_is_trained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = tmp_path / "point.yaml"
    recipe.write_text(POINT_RECIPE)
    asked = ["soup", "-c", str(recipe), "--run_dir", str(tmp_path / "run"), "--soup.method", "OutputMixing"]
    assert main(asked) == 2
    assert "PointPolicy cannot mix experts by outputs" in capsys.readouterr().err
    recipe.write_text(CHEETAH)
    assert main([*asked, "--soup.method.drawn", "true"]) == 2
    assert "GaussianMLP cannot mix experts by drawn outputs" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
