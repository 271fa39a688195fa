from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from rsoup_lightning.errors import CoefficientError, ConfigError, RSoupError, RunFolderError, UnknownNameError
from rsoup_lightning.files import write_json
from rsoup_lightning.fronts import FlatBoxError
from rsoup_lightning.merging import linear, read_weights, write_weights
from rsoup_lightning.pick import pick
from rsoup_lightning.preferences import ChoicesError
from rsoup_lightning.simplex import grid

NAMES = ["risky", "cautious"]


def _experts(seed: int) -> list[dict[str, Tensor]]:
    generator = torch.Generator().manual_seed(seed)
    return [{"net.weight": torch.randn(3, 2, generator=generator), "steps": torch.tensor(4)} for _ in NAMES]


def _point(kind: str, place: tuple[float, ...] | None, scores: tuple[float, float], method: str = "linear") -> Any:
    return {
        "kind": kind,
        "coefficients": place and dict(zip(NAMES, place, strict=True)),
        "preference": None,
        "scores": dict(zip(NAMES, scores, strict=True)),
        "ci95": {name: [score - 0.0098, score + 0.0098] for name, score in zip(NAMES, scores, strict=True)},
        "samples": 100,
        "method": method,
    }


def _front() -> dict[str, Any]:
    """Rewards 10 (1 - (1 - x)²) and 1 - x² at λ = (x, 1 - x): the utility of μ is highest at λ = μ."""
    places = grid(2, 11)
    points = [
        _point("expert" if max(place) == 1 else "soup", place, (10 * (1 - place[1] ** 2), 1 - place[0] ** 2))
        for place in places
    ]
    others = [_point("init", None, (-9.0, -9.0)), _point("soup", (0.5, 0.5), (99.0, 99.0), method="other")]
    return {"schema": 1, "task": "toy", "rewards": NAMES, "experts": NAMES, "points": points + others, "summary": {}}


def _write_experts(folder: Path, seed: int) -> None:
    for name, weights in zip(NAMES, _experts(seed), strict=True):
        write_weights(folder / "experts" / name, weights)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    write_json(tmp_path / "run" / "front.json", _front())
    _write_experts(tmp_path / "run", 0)
    return tmp_path / "run"


def _pick(run: Path, *arguments: str, preference: str = "{risky: 0.63, cautious: 0.37}") -> dict[str, Any]:
    """What ``rsoup pick`` wrote about its choice."""
    output = run.parent / "picked"
    assert pick([str(run), "--preference", preference, "--output", str(output), *arguments]) == 0
    return json.loads((output / "pick.json").read_text())


def _assert_merged(output: Path, experts: list[dict[str, Tensor]], coefficients: dict[str, float]) -> None:
    merged, expected = read_weights(output), linear(experts, [coefficients[name] for name in NAMES])
    assert merged.keys() == expected.keys()
    assert all(torch.equal(merged[key], expected[key]) for key in expected)


def test_a_preference_becomes_a_policy(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = _pick(run)
    assert record["coefficients"] == pytest.approx({"risky": 0.63, "cautious": 0.37}, abs=1e-4)
    assert record["preference"] == {"risky": 0.63, "cautious": 0.37}
    assert record["utility"] == pytest.approx(1 - 0.63 * 0.37, abs=1e-6)
    low, high = record["utility_ci95"]
    assert low < record["utility"] < high
    assert record["scores"] == pytest.approx({"risky": 10 * (1 - 0.37**2), "cautious": 1 - 0.63**2}, abs=1e-3)
    assert record["nearest"] == record["best"]
    assert record["best"]["point"] == 6
    assert record["best"]["coefficients"]["risky"] == pytest.approx(0.6)
    assert record["gain"] == pytest.approx(0.0009, abs=1e-6)
    assert record["method"] == "quadratic fitted to 7 points"
    assert (record["seed"], record["learnt"]) == (None, None)
    _assert_merged(run.parent / "picked", _experts(0), record["coefficients"])
    line = capsys.readouterr().out.splitlines()[0]
    assert line.startswith("λ = risky 0.63, cautious 0.37: utility 0.77 [")
    assert "0.0009 above the best evaluated point λ = risky 0.6, cautious 0.4" in line


def test_one_reward_alone_is_its_expert_bit_for_bit(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = _pick(run, preference="{risky: 1}")
    assert record["coefficients"] == {"risky": 1.0, "cautious": 0.0}
    assert record["method"] == "evaluated point"
    assert torch.equal(read_weights(run.parent / "picked")["net.weight"], _experts(0)[0]["net.weight"])
    assert "the best evaluated point" in capsys.readouterr().out


def test_pipelines_are_merged_as_whole_folders(run: Path) -> None:
    vae = torch.randn(7, generator=torch.Generator().manual_seed(0))
    for number, name in enumerate(NAMES):
        folder = run / "experts" / name
        for part, weight in {"unet": torch.full((2, 3), 4.0 * number), "vae": vae}.items():
            write_weights(folder / part, {"weight": weight})
        write_json(folder / "model_index.json", {})
    coefficients = _pick(run)["coefficients"]
    output = run.parent / "picked"
    assert read_weights(output / "unet")["weight"].unique().tolist() == pytest.approx([4 * coefficients["cautious"]])
    assert torch.equal(read_weights(output / "vae")["weight"], vae)
    assert (output / "model_index.json").is_file()
    _assert_merged(output, _experts(0), coefficients)


def test_choices_in_place_of_a_preference(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A user of μ = (0.7, 0.3) who is nearly sure of what they like compares points at random."""
    rng, points = np.random.default_rng(0), _front()["points"]
    utility = [0.07 * point["scores"]["risky"] + 0.3 * point["scores"]["cautious"] for point in points]
    choices = []
    for _ in range(300):
        first, second = rng.integers(0, 11, 2).tolist()
        if rng.random() > 1 / (1 + np.exp(-20 * (utility[first] - utility[second]))):
            first, second = second, first
        choices.append({"preferred": {"point": first, "sample": 0}, "other": {"point": second}})
    file, output = run.parent / "choices.json", run.parent / "picked"
    file.write_text(json.dumps(choices))
    assert pick([str(run), "--choices", str(file), "--output", str(output)]) == 0
    record = json.loads((output / "pick.json").read_text())
    low, high = record["learnt"]["ci95"]["risky"]
    assert low <= 0.7 <= high
    assert high - low < 0.2
    assert record["learnt"]["choices"] == 300
    assert record["coefficients"] == pytest.approx(record["preference"], abs=1e-3)
    assert "learnt from 300 choices" in capsys.readouterr().out


def test_several_seeds_share_the_mean_front(tmp_path: Path) -> None:
    run = tmp_path / "run"
    write_json(run / "front.json", _front())
    write_json(run / "run.json", {"seeds": [7, 3]})
    for seed in (3, 7):
        _write_experts(run / f"seed-{seed}", seed)
    record = _pick(run)
    assert record["seed"] == 7
    _assert_merged(tmp_path / "picked", _experts(7), record["coefficients"])
    record = _pick(run, "--seed", "3", "--overwrite")
    assert record["seed"] == 3
    _assert_merged(tmp_path / "picked", _experts(3), record["coefficients"])
    with pytest.raises(ConfigError, match="no experts of seed 5: its seeds are 7, 3"):
        _pick(run, "--seed", "5", "--overwrite")


def test_only_an_earlier_pick_is_overwritten_and_only_on_request(run: Path) -> None:
    _pick(run)
    with pytest.raises(ConfigError, match="--overwrite"):
        _pick(run, preference="{cautious: 1}")
    assert _pick(run, "--overwrite", preference="{cautious: 1}")["coefficients"]["cautious"] == 1
    expert = run / "experts" / "risky"
    for taken in (expert, expert / "policy.safetensors"):
        with pytest.raises(ConfigError, match="something other than a pick"):
            pick([str(run), "--preference", "{risky: 1}", "--output", str(taken), "--overwrite"])
    assert torch.equal(read_weights(expert)["net.weight"], _experts(0)[0]["net.weight"])


@pytest.mark.parametrize(
    ("arguments", "error", "reason"),
    [
        (["--preference", "{riski: 1}"], UnknownNameError, "did you mean 'risky'"),
        (["--preference", "{risky: 0.5}"], CoefficientError, "sum to 1"),
        (["--preference", "much"], ConfigError, "preference"),
        ([], ConfigError, "--choices FILE"),
        (["--preference", "{risky: 1}", "--choices", "x.json"], ConfigError, "one of --preference"),
        (["--choices", "absent.json"], RunFolderError, r"cannot read absent\.json"),
        (["--preference", "{risky: 1}", "--seed", "1"], ConfigError, "leave --seed 1 out"),
        (["--preference", "{risky: 1}", "--methd", "x"], ConfigError, "methd"),
    ],
)
def test_bad_arguments(run: Path, arguments: list[str], error: type[RSoupError], reason: str) -> None:
    with pytest.raises(error, match=reason):
        pick([str(run), "--output", str(run.parent / "picked"), *arguments])
    assert not (run.parent / "picked").exists()


@pytest.mark.parametrize(
    ("choices", "reason"),
    [
        ([], "no choices"),
        ({"preferred": 1}, "no choices"),
        ([{"preferred": {"point": 1}, "other": {"point": 2}}, {"preferred": {"point": 1}}], 'entry 1 .*"other"'),
        ([{"preferred": 3, "other": {"point": 2}}], 'entry 0 .*"preferred"'),
        ([{"preferred": {"point": 1}, "other": {"point": 13}}], "entry 0 .*other is point 13, not 0 to 12"),
        ([{"preferred": {"point": -1}, "other": {"point": 2}}], "preferred is point -1"),
        ([{"preferred": {"point": 2.5}, "other": {"point": 2}}], r"preferred is point 2\.5"),
        ([{"preferred": {"point": 2}, "other": {"point": 2}}], "say nothing"),
        ([{"preferred": {"point": 11}, "other": {"point": 2}}], "contradict every reward"),
    ],
)
def test_bad_choices(run: Path, choices: Any, reason: str) -> None:
    file = run.parent / "choices.json"
    file.write_text(json.dumps(choices))
    with pytest.raises(ChoicesError, match=reason):
        pick([str(run), "--choices", str(file), "--output", str(run.parent / "picked")])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda front: front.pop("rewards"), "KeyError: 'rewards'"),
        (lambda front: front.update(schema=2), "schema"),
        (lambda front: front.update(points=[]), "no whole front"),
        (lambda front: front["points"].pop(0), "no whole front"),
        (lambda front: front["points"][3]["ci95"].update(risky=[None, None]), "not finite"),
        (lambda front: front["points"][3]["scores"].update(risky=None), "finite"),
    ],
)
def test_damaged_fronts(run: Path, change: Any, reason: str) -> None:
    front = _front()
    change(front)
    write_json(run / "front.json", front)
    with pytest.raises(RunFolderError, match=reason):
        _pick(run)


def test_runs_that_are_not_complete(run: Path) -> None:
    front = _front()
    for point in front["points"]:
        point["scores"]["cautious"] = 1.0
    write_json(run / "front.json", front)
    with pytest.raises(FlatBoxError, match="the same on cautious"):
        _pick(run)
    (run / "front.json").write_text("{")
    with pytest.raises(RunFolderError, match="has completed"):
        _pick(run)
    write_json(run / "front.json", _front())
    (run / "experts").rename(run / "elsewhere")
    with pytest.raises(RunFolderError, match=r"run\.json"):
        _pick(run)


def test_help_is_light_and_says_what_utility_is() -> None:
    code = (
        "import sys\nfrom rsoup_lightning.pick import pick\n"
        "try: pick(['--help'])\nfinally: print('torch' in sys.modules, 'lightning' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("False False\n")
    assert all(word in done.stdout for word in ("--preference", "--choices", "0 is the worst", '"preferred"'))
