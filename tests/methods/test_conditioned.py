from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from rsoup_lightning.__main__ import main
from rsoup_lightning.conditioned import expert_of
from rsoup_lightning.errors import ConfigError
from rsoup_lightning.files import read_json
from rsoup_lightning.front.record import read_record
from rsoup_lightning.merging import read_weights
from rsoup_lightning.methods import Conditioned
from rsoup_lightning.methods.method import Derived, Stage
from tests.conftest import Near, PointFineTuner, PointPolicy
from tests.modalities.language.tiny import recipe, saved
from tests.running import POINT_RECIPE, WITHOUT_MORL, rsoup

CHEETAH = """
task: locomotion
model:
  env_id: HalfCheetah-v5
  num_envs: 8
  horizon: 16
  rollouts_per_epoch: 3
  eval_episodes: 2
  env_options: {max_episode_steps: 20}
  algorithm: {class_path: PPO, init_args: {epochs: 2, minibatch_size: 64}}
trainer: {accelerator: cpu, max_epochs: 2, callbacks: [{class_path: tests.run.trainer.test_logs.Killed}]}
soup: {experts: [risky, cautious], init_epochs: 1, grid: 3, films: false, method: {class_path: Conditioned}}
"""


def test_one_training_is_as_long_as_all_experts_and_they_are_taken_out_of_it() -> None:
    together, *each = Conditioned(points=4).stages(["a", "b", "c"], 5)
    assert isinstance(together, Stage) and together.epochs == 15 and together.conditioning is not None
    assert together.conditioning.rewards == ("a", "b", "c") and together.conditioning.points == 4
    for number, (name, stage) in enumerate(zip("abc", each, strict=True)):
        assert isinstance(stage, Derived) and (stage.name, stage.sources) == (f"experts/{name}", ("together",))
        assert stage.make([{f"{expert}:w": torch.tensor(expert) for expert in range(3)}]).weights == {"w": number}


def test_killed_and_resumed_it_ends_with_the_same_experts(tmp_path: Path) -> None:
    (tmp_path / "cheetah.yaml").write_text(CHEETAH)
    command = ("soup", "-c", "cheetah.yaml", "--run_dir")
    rsoup(*command, "whole", cwd=tmp_path)
    moment = "on_train_epoch_start=4"  # in the training of both, with a checkpoint
    rsoup(*command, "killed", cwd=tmp_path, status=-signal.SIGKILL, KILLED_AT=moment)
    assert (tmp_path / "killed/together/last.ckpt").exists()
    rsoup(*command, "killed", cwd=tmp_path)
    whole, killed = (read_record(tmp_path / name / "front.json") for name in ("whole", "killed"))
    assert whole == killed and whole["experts"] == ["risky", "cautious"]
    experts = [read_weights(tmp_path / "whole/experts" / name) for name in whole["experts"]]
    assert all(tensor.ne(experts[1][name]).any() for name, tensor in experts[0].items() if "weight" in name)
    assert all(tensor.equal(experts[1][name]) for name, tensor in experts[0].items() if name in ("mean", "variance"))
    arguments = ["--preference", "{risky: 0.5, cautious: 0.5}", "--output", str(tmp_path / "picked")]
    assert main(["pick", str(tmp_path / "whole"), *arguments]) == 0
    init, together = (read_json(tmp_path / f"whole/stages/{name}.json", "")["steps"] for name in ("init", "together"))
    assert together == 4 * init and whole["summary"]["training_cost"]["soup"] == 5 * init


@pytest.mark.parametrize("advantages", ["sum", "each"])
def test_adapters_are_trained_together_from_the_command(advantages: str, tmp_path: Path) -> None:
    file, run = str(recipe(tmp_path, saved(tmp_path / "base"), "grpo")), tmp_path / "run"
    method = ["--soup.method", "Conditioned", "--soup.method.points", "2", *WITHOUT_MORL]
    arguments = [
        "soup",
        "-c",
        file,
        "--run_dir",
        str(run),
        *method,
        "--soup.method.advantages",
        advantages,
        "--soup.validate_every",
        "2",
        "--soup.keep",
        "best",
    ]
    assert main(arguments) == 0
    assert read_record(run / "front.json")["experts"] == ["early", "late"]
    both = read_weights(run / "together")
    experts = {name: read_weights(run / "experts" / name) for name in ("early", "late")}
    for number, (name, expert) in enumerate(experts.items()):
        own = expert_of(both, number)
        assert expert.keys() == own.keys() and (run / "experts" / name / "adapter_config.json").exists()
        assert all(tensor.equal(own[key]) for key, tensor in expert.items())
    assert any(tensor.ne(experts["late"][key]).any() for key, tensor in experts["early"].items())


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"points": 8}, "soup.method.init_args.points is 8: this policy of whole weights plays one λ at a time"),
        ({"points": 0}, "points is 0"),
        ({"points": 1, "advantages": "each", "algorithm": {"class_path": "SCST"}}, "SCST has one baseline"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_trained(
    changes: dict[str, Any], reason: str, refused: Callable[..., str]
) -> None:
    content = yaml.safe_load(POINT_RECIPE)
    options = dict(changes)
    content["model"] |= {"algorithm": options.pop("algorithm")} if "algorithm" in options else {}
    content["soup"] |= {"method": {"class_path": "Conditioned", "init_args": options}, "morl": []}
    assert reason in refused("soup", "--run_dir", "run", recipe=content)


class Side(PointPolicy):
    """Plays many λ at once, and remembers how many experts it was to mix."""

    mixed = 0

    def soups(self, experts: Any) -> Any:
        self.mixed = len(experts)
        return lambda points: self


def test_only_experts_of_rewards_that_are_trained_on_are_built_to_check(monkeypatch: pytest.MonkeyPatch) -> None:
    module = PointFineTuner()
    module.policy = Side()
    module.rewards["watched"] = Near(0, 0)
    Conditioned().check(module, ["east", "north"])
    assert module.policy.mixed == 2


def test_a_number_that_rollouts_cannot_share_out_is_said_before_anything_is_trained() -> None:
    module = PointFineTuner()
    module.policy, module.environment.entries = Side(), 4
    Conditioned().check(module, ["east", "north"])
    with pytest.raises(ConfigError, match=r"points is 8: .* for 4 rows .* or leave it out"):
        Conditioned(points=8).check(module, ["east", "north"])
