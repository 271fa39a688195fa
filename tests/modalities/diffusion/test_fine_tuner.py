"""A diffusion soup on a tiny pipeline: DDPO and reward-weighted regression, through trainer and command line."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline
from torch import Tensor

from rsoup_lightning import algorithms, load, pick
from rsoup_lightning.errors import ConfigError
from rsoup_lightning.guards import Guard, Guards
from rsoup_lightning.kl_penalty import KLPenalty
from rsoup_lightning.merging import read_weights
from rsoup_lightning.modalities.diffusion import DiffusionFineTuner
from rsoup_lightning.modalities.lora import LoRA
from rsoup_lightning.rollout import Rollout
from rsoup_lightning.run.trainer.callbacks import benchmark_soups
from tests.conftest import quiet_trainer
from tests.modalities.diffusion.tiny import Bright, Colours, Random
from tests.running import front, rsoup

RECIPE = """
task: rsoup_lightning.modalities.diffusion:DiffusionFineTuner
model:
  base: {class_path: tests.modalities.diffusion.tiny.Random}
  data: {class_path: tests.modalities.diffusion.tiny.Colours}
  rewards:
    red: {class_path: tests.modalities.diffusion.tiny.Bright}
    blue: {class_path: tests.modalities.diffusion.tiny.Bright, init_args: {channel: 2}}
  likelihood: denoising
  algorithm: {class_path: RewardWeightedRegression, init_args: {temperature: 0.5, keep: 0.5}}
  optimizer: {class_path: torch.optim.Adam, init_args: {lr: 0.001}}
  steps: 3
  guidance: 2.0
  batch_size: 8
  batches_per_epoch: 2
trainer: {accelerator: cpu, max_epochs: 2}
soup: {normalise: 1, grid: 3, shown: 2, films: false}
"""


def tuner(**changes: Any) -> DiffusionFineTuner:
    settings = {
        "preference": {"red": 1.0},
        "steps": 3,
        "guidance": 1.0,
        "batch_size": 2,
        "batches_per_epoch": 2,
        "optimizer": partial(torch.optim.Adam, lr=1e-3),
        **changes,
    }
    return DiffusionFineTuner(Random(), Colours(), {"red": Bright(0), "blue": Bright(2)}, **settings)


class NotBlue(Bright):
    def __call__(self, rollout: Rollout) -> Tensor:
        return -super().__call__(rollout)


def red(module: DiffusionFineTuner) -> float:
    module.eval()
    return float(Bright(0)(module.environment.evaluate(module.policy, torch.arange(6))).mean())


@pytest.mark.parametrize(
    "changes",
    [
        {"algorithm": algorithms.RLOO(8)},
        {"algorithm": algorithms.GRPO(8, epochs=2, minibatch_size=16)},
        {"algorithm": algorithms.REINFORCE(), "batch_size": 16},
        {"algorithm": algorithms.RLOO(8), "lora": LoRA(rank=4), "kl": KLPenalty(1e-4)},
        {"likelihood": "denoising", "batch_size": 24, "batches_per_epoch": 4, "trained": [""]},
    ],
    ids=["rloo", "grpo", "reinforce", "lora", "denoising"],
)
def test_training_raises_the_reward(changes: dict[str, Any]) -> None:
    module = tuner(**changes)
    before = red(module)
    quiet_trainer(max_epochs=5).fit(module)
    assert red(module) > before + 0.005


@pytest.mark.parametrize(
    "algorithm",
    [algorithms.RLOO(8), algorithms.RewardWeightedRegression(completions=8, keep=0.25)],
    ids=["rloo", "rwr"],
)
def test_a_guard_that_is_not_held_turns_the_training(algorithm: algorithms.Algorithm) -> None:
    """Blue rises with red: a limit on minus blue, out of reach, makes both fall."""
    module = tuner(algorithm=algorithm, optimizer=partial(torch.optim.Adam, lr=3e-3))
    module.rewards["not_blue"] = NotBlue(2)
    module.guards = Guards({"not_blue": Guard(0.0, rate=1.0)}, module.rewards)
    before = red(module)
    quiet_trainer(max_epochs=5).fit(module)
    assert module.guards.multipliers > 1
    assert red(module) < before - 0.005


def test_reward_weighted_regression_learns_from_what_init_draws() -> None:
    rollouts = []
    for likelihood, algorithm in (("denoising", None), ("chain", algorithms.RLOO(2))):
        module = tuner(likelihood=likelihood, algorithm=algorithm, trained=[""])
        batch = []
        for _ in range(2):
            torch.manual_seed(0)
            module.environment.begin(0)
            batch.append(module.environment.rollout(module.policy, 0)["images"])
            module.policy.load_weights({name: 1.5 * weight for name, weight in module.policy.weights().items()})
        rollouts.append(batch)
    assert torch.equal(*rollouts[0])
    assert not torch.allclose(*rollouts[1], atol=1e-2)


def test_the_first_update_of_ppo_clipping_sees_a_ratio_of_one() -> None:
    module = tuner(algorithm=algorithms.GRPO(4))
    seen: list[Tensor] = []
    original = module.algorithm.policy_loss
    module.algorithm.policy_loss = lambda output, batch: (  # type: ignore[method-assign]
        seen.append((output.log_probs - batch.log_probs).exp().detach()) or original(output, batch)
    )
    quiet_trainer(max_epochs=1, limit_train_batches=1).fit(module)
    assert len(seen) == 1 and torch.equal(seen[0], torch.ones(8, 3))


def test_a_run_that_is_resumed_equals_one_that_was_not(tmp_path: Path) -> None:
    module, trainer = tuner(), quiet_trainer(max_epochs=1)
    trainer.fit(module)
    trainer.save_checkpoint(tmp_path / "part.ckpt")
    kept = torch.load(tmp_path / "part.ckpt", weights_only=True)["state_dict"]
    assert {name for name in kept if name.startswith("policy.")} == {f"policy.{n}" for n in module.policy.weights()}
    assert read_weights(tmp_path / "part.ckpt").keys() == module.policy.weights().keys()
    again, whole = tuner(), tuner()
    quiet_trainer(max_epochs=2).fit(again, ckpt_path=tmp_path / "part.ckpt", weights_only=True)
    quiet_trainer(max_epochs=2).fit(whole)
    for name, tensor in whole.policy.weights().items():
        assert torch.equal(tensor, again.policy.weights()[name]), name


@pytest.mark.parametrize("lora", [None, LoRA(rank=2)])
def test_a_soup_is_scored_on_the_same_noise(lora: LoRA | None) -> None:
    experts = []
    for name in ("red", "blue"):
        module = tuner(preference={name: 1.0}, lora=lora, algorithm=algorithms.RLOO(4))
        quiet_trainer(max_epochs=1).fit(module)
        experts.append({key: tensor.clone() for key, tensor in module.policy.weights().items()})
    points = [(1.0, 0.0), (0.5, 0.5), (0.0, 1.0)]
    scores = benchmark_soups(module, experts, points, module.environment.eval_batches(), show=2)
    assert [len(each.rewards["red"]) for each in scores] == [6, 6, 6]
    assert [each.shown[1].title for each in scores] == ["a green square"] * 3
    module.policy.load_weights(experts[0])
    alone = Bright(0)(module.environment.evaluate(module.policy, torch.arange(6)))
    if lora is None:
        assert torch.equal(scores[0].rewards["red"], alone)  # to the last bit: the same weights, the same noise
    assert torch.allclose(scores[0].rewards["red"], alone, atol=1e-5)


@pytest.mark.parametrize("lora", ["null", "{rank: 2, alpha: 8}"], ids=["whole", "lora"])
def test_the_whole_experiment(lora: str, tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(RECIPE.replace("steps: 3", f"steps: 3\n  lora: {lora}"))
    rsoup("soup", "-c", str(tmp_path / "tiny.yaml"), "--run_dir", str(tmp_path / "run"))
    record = front(tmp_path / "run")
    assert record["experts"] == ["red", "blue"] and len(record["points"]) == 4
    assert len(list((tmp_path / "run" / "shown").glob("*.webp"))) >= 6
    for name in ("init", "experts/red", "experts/blue"):
        StableDiffusionPipeline.from_pretrained(tmp_path / "run" / name / ("" if lora == "null" else "pipeline"))
    soup, prompts = load(tmp_path / "run"), ["a red square", "a blue square"]
    chosen = pick(tmp_path / "run", tmp_path / "picked", preference={"red": 0.5, "blue": 0.5})
    drawn = np.stack(soup.at(chosen.coefficients).draw(prompts, seed=[1, 2])).astype(int)
    picked = np.stack(load(tmp_path / "picked").at().draw(prompts, seed=[1, 2])).astype(int)
    assert np.abs(drawn - picked).max() <= 1  # of 255, by rounding
    assert drawn.std() > 1


def test_a_run_whose_experts_are_drawn_for_each_step(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(RECIPE)
    method = ["--soup.method", "OutputMixing", "--soup.method.drawn", "true"]
    rsoup("soup", "-c", str(tmp_path / "tiny.yaml"), "--run_dir", str(tmp_path / "run"), *method)
    points = [point for point in front(tmp_path / "run")["points"] if point["coefficients"]]
    assert [point["method"] for point in points] == ["drawn outputs"] * 3
    soup, prompts = load(tmp_path / "run"), ["a red square", "a blue square"]
    alone = np.stack(soup.at([{"red": 1.0}, {"blue": 1.0}]).draw(prompts, seed=[1, 2])).astype(int)
    drawn = np.stack(soup.at(red=0.5, blue=0.5).draw(prompts, seed=[1, 2])).astype(int)
    assert drawn.shape == alone.shape and not np.array_equal(drawn, alone)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"algorithm": algorithms.PPO()}, "PPO needs a critic"),
        ({"algorithm": algorithms.SCST()}, "SCST needs the most likely image"),
        ({"likelihood": "denoising", "algorithm": algorithms.RLOO()}, "RLOO needs the likelihood of what was sampled"),
        ({"likelihood": "denoising", "kl": KLPenalty(0.1)}, "kl.coefficient to 0"),
        ({"likelihood": "denoising", "guards": {"blue": Guard(0.0)}}, "guards see what training draws"),
        ({"eta": 0.0}, "eta above 0"),
    ],
)
def test_what_does_not_go_together(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        tuner(**changes)


def test_rewards_by_name_need_a_task() -> None:
    with pytest.raises(ConfigError, match="no task to look rewards up in"):
        DiffusionFineTuner(Random(), Colours(), ["red"])
