"""Runs of every method: what is trained, what is measured, and which policy a preference gets."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from rsoup_lightning.__main__ import main
from rsoup_lightning.files import read_json
from rsoup_lightning.front.record import read_record
from rsoup_lightning.merging import read_weights
from rsoup_lightning.playing.load import load
from tests.running import POINT_RECIPE

THREE = ["--soup.method.preferences", "3"]


@pytest.mark.parametrize(
    ("method", "experts", "merges"),
    [
        (["RewardedSoup"], {"east": (1, 0), "north": (0, 1)}, 5),
        (["BoneSoup", "--soup.method.beta", "0.75"], {"east": (0.75, 0.25), "north": (0.25, 0.75)}, 5),
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
