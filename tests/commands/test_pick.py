from __future__ import annotations

import json
import subprocess
import sys
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from peft import LoraConfig, get_peft_model
from scipy import stats
from torch import Tensor

from rsoup_lightning.commands.pick import pick_command
from rsoup_lightning.errors import (
    CoefficientError,
    ConfigError,
    FrontError,
    RSoupError,
    RunFolderError,
    UnknownNameError,
)
from rsoup_lightning.files import write_json, write_text
from rsoup_lightning.front.choices import ChoicesError
from rsoup_lightning.front.geometry import FlatBoxError
from rsoup_lightning.front.record import Record
from rsoup_lightning.front.results import Point, front_record, record_of
from rsoup_lightning.front.seeds import combine_seeds
from rsoup_lightning.merging import linear, read_weights, write_weights
from rsoup_lightning.simplex import grid

NAMES = ["risky", "cautious"]


def _experts(seed: int) -> list[dict[str, Tensor]]:
    generator = torch.Generator().manual_seed(seed)
    return [{"net.weight": torch.randn(3, 2, generator=generator), "steps": torch.tensor(4)} for _ in NAMES]


def _scores(risky: float, cautious: float) -> dict[str, NDArray[np.float64]]:
    """Of a hundred entries, 0.05 above and below their mean in turns."""
    turns = 0.05 * (-1.0) ** np.arange(100)
    return {"risky": risky + turns, "cautious": cautious + turns}


@cache
def _whole_front() -> Record:
    """Rewards 10 (1 - (1 - x)²) and 1 - x² at λ = (x, 1 - x): the utility of μ is highest at λ = μ."""
    points = [Point("init", None, None, _scores(-9, -9))]
    for x, rest in grid(2, 11):
        scores = _scores(10 * (1 - rest**2), 1 - x**2)
        points.append(Point("expert" if 1 in (x, rest) else "soup", {"risky": x, "cautious": rest}, None, scores))
    record = front_record("toy", NAMES, points[1:] + points[:1], reference_point=None, training_cost={})
    other = {**record["points"][5], "scores": {"risky": 99.0, "cautious": 99.0}, "method": "other"}
    return {**record, "points": [*record["points"], other]}


def _front() -> Record:
    return deepcopy(_whole_front())


def _write_experts(folder: Path, seed: int) -> None:
    for name, weights in zip(NAMES, _experts(seed), strict=True):
        write_weights(folder / "experts" / name, weights)
    write_text(folder / "config.yaml", f"seed_everything: {seed}\n")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    write_json(tmp_path / "run" / "front.json", _front())
    _write_experts(tmp_path / "run", 0)
    return tmp_path / "run"


def _pick(run: Path, *arguments: str, preference: str = "{risky: 0.63, cautious: 0.37}") -> dict[str, Any]:
    """What ``rsoup pick`` wrote about its choice."""
    output = run.parent / "picked"
    assert pick_command([str(run), "--preference", preference, "--output", str(output), *arguments]) == 0
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
    error = stats.sem(_scores(0, 0)["risky"])  # equal at all λ: that of the fit is the same; the box is 10 wide and 1
    assert record["standard_errors"] == pytest.approx({"risky": error, "cautious": error}, rel=1e-3)
    assert record["utility_standard_error"] == pytest.approx(0.063 * error + 0.37 * error, rel=1e-3)
    spread = stats.t.ppf(0.975, 99) * record["utility_standard_error"]
    assert record["utility_ci95"] == pytest.approx([record["utility"] - spread, record["utility"] + spread])
    assert record["scores"] == pytest.approx({"risky": 10 * (1 - 0.37**2), "cautious": 1 - 0.63**2}, abs=1e-3)
    assert record["nearest"] == record["best"]
    assert record["best"]["point"] == 6
    assert record["best"]["coefficients"]["risky"] == pytest.approx(0.6)
    assert record["gain"] == pytest.approx(0.0009, abs=1e-6)
    assert record["gain"] == record["utility"] - record["best"]["fitted_utility"]
    assert record["method"] == "quadratic fitted to 7 points"
    assert (record["seed"], record["learnt"]) == (None, None)
    _assert_merged(run.parent / "picked", _experts(0), record["coefficients"])
    because, wrote = capsys.readouterr().out.splitlines()
    assert because.startswith("λ = risky 0.63, cautious 0.37: utility 0.767 [")
    assert (
        "0.0009 above the best evaluated point λ = risky 0.6, cautious 0.4, which has 0.766 by the same fit" in because
    )
    assert wrote == f"wrote {run.parent / 'picked'}: pick.json, policy.safetensors, recipe.yaml"


def test_adapters_without_their_configuration_are_refused(run: Path) -> None:
    """Factors of an update are not weights that may be averaged."""
    for name in NAMES:
        write_weights(run / "experts" / name, {"model.q.lora_A.default.weight": torch.randn(2, 4)})
    with pytest.raises(RSoupError, match=r"'model\.q\.lora_A\.default\.weight' in risky is a part of an adapter"):
        _pick(run)
    assert not (run.parent / "picked" / "policy.safetensors").exists()


def test_one_reward_alone_is_its_expert_bit_for_bit(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = _pick(run, preference="{risky: 1}")
    assert record["coefficients"] == {"risky": 1.0, "cautious": 0.0}
    assert record["method"] == "evaluated point"
    assert (record["gain"], record["best"]["fitted_utility"]) == (0, None)
    assert torch.equal(read_weights(run.parent / "picked")["net.weight"], _experts(0)[0]["net.weight"])
    assert "as measured there: no other λ" in capsys.readouterr().out


def test_what_is_said_to_be_written_is_there(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An adapter, where experts are adapters, and no policy.safetensors."""
    for name in NAMES:
        model = torch.nn.Sequential(torch.nn.Linear(3, 2))
        adapter = get_peft_model(model, LoraConfig(r=2, target_modules=["0"]))  # type: ignore[arg-type]
        torch.nn.init.normal_(adapter.get_parameter("base_model.model.0.lora_B.default.weight"))
        adapter.save_pretrained(str(run / "experts" / name))
    record = _pick(run)
    wrote = capsys.readouterr().out.splitlines()[-1]
    folder, _, files = wrote.removeprefix("wrote ").partition(": ")
    assert files.split(", ") == sorted(file.name for file in Path(folder).iterdir())
    assert {"adapter_config.json", "adapter_model.safetensors", "pick.json"} <= set(files.split(", "))
    assert record["coefficients"]["risky"] == pytest.approx(0.63, abs=1e-4)


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


def test_an_expert_alone_is_that_expert_however_pipelines_are_merged(run: Path) -> None:
    front = _front()
    write_json(run / "front.json", {**front, "points": [{**each, "method": "dare"} for each in front["points"][:-1]]})
    method = {"class_path": "RewardedSoup", "init_args": {"merge": "dare"}}
    write_json(run / "config.yaml", {"soup": {"method": method}})
    for number, folder in enumerate([run / "init", *(run / "experts" / name for name in NAMES)]):
        write_weights(folder, {**_experts(0)[0], "net.weight": torch.full((3, 2), 2.0 * number)})
        write_weights(folder / "unet", {"weight": torch.full((2, 3), 4.0 * number)})
        write_json(folder / "model_index.json", {})
    _pick(run, preference="{risky: 1}")
    assert read_weights(run.parent / "picked")["net.weight"].unique().tolist() == [2.0]
    assert read_weights(run.parent / "picked" / "unet")["weight"].unique().tolist() == [4.0]


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
    assert pick_command([str(run), "--choices", str(file), "--output", str(output)]) == 0
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
            pick_command([str(run), "--preference", "{risky: 1}", "--output", str(taken), "--overwrite"])
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
        (["--preference", "{risky: 1}", "--methd", "x"], UnknownNameError, "unknown option '--methd'"),
    ],
)
def test_bad_arguments(run: Path, arguments: list[str], error: type[RSoupError], reason: str) -> None:
    with pytest.raises(error, match=reason):
        pick_command([str(run), "--output", str(run.parent / "picked"), *arguments])
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
        pick_command([str(run), "--choices", str(file), "--output", str(run.parent / "picked")])


def test_three_seeds_are_weighed_by_students_t(run: Path) -> None:
    """An interval over three seeds is 2.2 times as wide as a normal one: it is no measure of the standard error."""
    shifted = [_front() for _ in range(3)]
    for front, shift in zip(shifted, (-0.1, 0.0, 0.1), strict=True):
        for point in front["points"]:
            point["scores"] = {name: value + shift for name, value in point["scores"].items()}
    write_json(run / "front.json", combine_seeds(shifted))
    record = _pick(run)
    error = stats.sem([-0.1, 0.0, 0.1])
    assert record["standard_errors"] == pytest.approx({"risky": error, "cautious": error}, rel=1e-3)
    for name in NAMES:
        low, high = record["ci95"][name]
        assert high - low == pytest.approx(2 * stats.t.ppf(0.975, 2) * error, rel=1e-3)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda front: front.pop("rewards"), "rewards is missing"),
        (lambda front: front.update(schema=1), "schema 1, .*an earlier version, without standard errors.* delete it"),
        (lambda front: front.update(points=[]), r"points is \[\], not a list of points"),
        (lambda front: front["points"].pop(0), "no point is the expert 'cautious' alone"),
        (lambda front: front["points"][3]["scores"].update(risky=None), r"points\[3\]\.scores\.risky is None"),
        (lambda front: front["points"][3]["standard_errors"].update(risky=None), "without a standard error"),
        (lambda front: front.update(degrees_of_freedom=0), "without a standard error"),
    ],
)
def test_damaged_fronts(run: Path, change: Any, reason: str) -> None:
    front = _front()
    change(front)
    write_json(run / "front.json", front)
    with pytest.raises(FrontError, match=reason):
        _pick(run)
    assert not (run.parent / "picked").exists()


def test_known_means_alone_are_no_ground_to_pick_on(run: Path) -> None:
    write_json(run / "front.json", record_of("toy", NAMES, grid(2, 3), {"risky": [0, 1, 2], "cautious": [2, 2, 0]}))
    with pytest.raises(FrontError, match=r"front\.json has scores without a standard error.*SoupCallback"):
        _pick(run)


def test_runs_that_are_not_complete(run: Path) -> None:
    front = _front()
    for point in front["points"]:
        point["scores"]["cautious"] = 1.0
    write_json(run / "front.json", front)
    with pytest.raises(FlatBoxError, match="the same on cautious"):
        _pick(run)
    with pytest.raises(RunFolderError, match=f"{run}s is not a run: did you mean {run}"):
        _pick(run.with_name(f"{run.name}s"))
    (run / "front.json").write_text("{")
    with pytest.raises(RunFolderError, match="has completed"):
        _pick(run)
    write_json(run / "front.json", _front())
    (run / "experts").rename(run / "elsewhere")
    for content in (None, "[]", '{"seeds": 3}'):
        if content:
            (run / "run.json").write_text(content)
        with pytest.raises(RunFolderError, match=r"run\.json"):
            _pick(run)


def test_help_is_light_and_says_what_utility_is() -> None:
    code = (
        "import sys\nfrom rsoup_lightning.commands.pick import pick_command\n"
        "try: pick_command(['--help'])\nfinally: print('torch' in sys.modules, 'lightning' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("False False\n")
    assert all(word in done.stdout for word in ("--preference", "--choices", "0 is the worst", '"preferred"'))
