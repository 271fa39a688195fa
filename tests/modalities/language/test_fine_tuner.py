"""A language soup on a tiny model, through the public commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.fabric.plugins.environments.lightning import find_free_network_port
from peft import PeftModel
from torch import multiprocessing
from torch.distributed.tensor import DTensor

from rsoup_lightning import load, pick
from rsoup_lightning.algorithms import RLOO
from rsoup_lightning.errors import ConfigError
from rsoup_lightning.evaluation import reward_statistics
from rsoup_lightning.guards import Guard
from rsoup_lightning.kl_penalty import KLPenalty
from rsoup_lightning.merging import read_weights
from rsoup_lightning.modalities.data_environment import EVALUATION_SEED
from rsoup_lightning.modalities.language import LanguageFineTuner
from rsoup_lightning.modalities.language.environment import TextEnvironment
from rsoup_lightning.modalities.language.sampling import gumbel
from rsoup_lightning.policy import Policy
from rsoup_lightning.rollout import Rollout
from rsoup_lightning.run.trainer.validation import Validation
from tests.conftest import quiet_trainer
from tests.modalities.language.tiny import Letters, Sentences, llama, recipe, saved
from tests.running import environment, front, rsoup


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return saved(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def run(base: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    done = rsoup("soup", "-c", str(recipe(folder, base, epochs=8)), "--run_dir", str(folder / "run"))
    assert "row 0: early" in done.stderr  # the audit of what rewards read
    assert "Loading weights" not in done.stderr
    return folder / "run"


def test_experts_beat_init_on_their_own_reward(run: Path) -> None:
    points = front(run)["points"]
    init = next(point for point in points if point["kind"] == "init")
    for point in points:
        if point["kind"] == "expert":
            (name,) = point["preference"]
            assert point["scores"][name] > init["scores"][name] + 0.05


def test_fluency_stands_beside_every_point_and_has_no_expert(run: Path) -> None:
    record = front(run)
    assert record["experts"] == ["early", "late"]
    assert all(point["scores"]["fluency"] < 0 for point in record["points"])


def test_rewards_were_put_on_one_scale(run: Path) -> None:
    statistics = json.loads((run / "init" / "normalisation.json").read_text())
    assert set(statistics) == {"early", "late"}
    assert all(spread > 0 for _, spread in statistics.values())


def test_shown_what_rewards_read(run: Path) -> None:
    shown = [json.loads(file.read_text())["shown"] for file in sorted((run / "shown").glob("*.json"))]
    assert len(shown) == len(front(run)["points"]) and all(len(rows) == 2 for rows in shown)
    assert len({rows[0]["title"] for rows in shown}) == 1
    for rows in shown:
        assert rows[0]["read"]["early"]["text"] == rows[0]["text"]
    assert "What the rewards read" in (run / "report.html").read_text()


def test_experts_can_be_loaded_and_merged_by_others(run: Path, base: str, tmp_path: Path) -> None:
    PeftModel.from_pretrained(llama(), run / "experts" / "early")
    experts = [str(run / "experts" / name) for name in ("early", "late")]
    rsoup("merge", "--experts", *experts, "--coefficients", ".5", ".5", "--output", str(tmp_path / "soup"))
    rsoup("pick", str(run), "--preference", "{early: 0.6, late: 0.4}", "--output", str(tmp_path / "picked"))
    PeftModel.from_pretrained(llama(), tmp_path / "picked")


def test_a_run_and_what_is_picked_of_it_write_as_they_were_evaluated(run: Path, tmp_path: Path) -> None:
    soup, points = load(run), front(run)["points"]
    for number, point in enumerate(points):
        if point["coefficients"]:
            shown = json.loads((run / "shown" / f"{number:03d}.json").read_text())["shown"]
            seeds = [EVALUATION_SEED + entry for entry in range(len(shown))]
            written = soup.at(point["coefficients"]).generate([each["title"] for each in shown], seed=seeds)
            assert written == [each["text"] for each in shown]
    chosen = pick(run, tmp_path / "picked", preference={"early": 0.6, "late": 0.4})
    player, prompts = load(tmp_path / "picked").at(), ["the cat", "a dog on"]
    assert player.generate(prompts) == soup.at(chosen.coefficients).generate(prompts)


def test_checkpoints_hold_what_is_trained_only(base: str, tmp_path: Path) -> None:
    rewards = {"early": Letters(), "late": Letters("n", "z")}

    def made() -> LanguageFineTuner:
        torch.manual_seed(0)
        settings = {"batch_size": 2, "batches_per_epoch": 2, "max_new_tokens": 4, "precision": "float32"}
        return LanguageFineTuner(base, Sentences(), rewards, **settings)  # type: ignore[arg-type]

    module, trainer = made(), quiet_trainer(max_epochs=1)
    trainer.fit(module)
    trainer.save_checkpoint(tmp_path / "part.ckpt")
    kept = torch.load(tmp_path / "part.ckpt", weights_only=True)["state_dict"]
    assert {name for name in kept if name.startswith("policy.")} == {f"policy.{n}" for n in module.policy.weights()}
    assert read_weights(tmp_path / "part.ckpt").keys() == module.policy.weights().keys()
    again = made()
    quiet_trainer(max_epochs=2).fit(again, ckpt_path=tmp_path / "part.ckpt", weights_only=True)
    whole = made()
    quiet_trainer(max_epochs=2).fit(whole)
    for name, tensor in whole.policy.weights().items():
        assert torch.equal(tensor, again.policy.weights()[name]), name


@pytest.mark.parametrize("algorithm", ["ppo", "grpo"])
def test_other_algorithms_train_too(algorithm: str, base: str, tmp_path: Path) -> None:
    file = recipe(tmp_path, base, algorithm, epochs=1)
    rsoup("soup", "-c", str(file), "--run_dir", str(tmp_path / "run"))
    assert len(front(tmp_path / "run")["points"]) == 5


def test_a_guard_keeps_answers_fluent(base: str) -> None:
    fluency = {}
    for guards in ({}, {"fluency": Guard("init - 0.5")}):
        torch.manual_seed(0)
        settings = {
            "batch_size": 4,
            "batches_per_epoch": 3,
            "max_new_tokens": 8,
            "precision": "float32",
            "guards": guards,
        }
        optimizer = partial(torch.optim.Adam, lr=0.006)
        module = LanguageFineTuner(
            base, Sentences(), {"early": Letters()}, None, RLOO(8), optimizer=optimizer, **settings
        )
        measured = partial(reward_statistics, module.environment, module.rewards, module.policy)
        init = measured(rollouts=4, completions=8, seed=0)
        module.prepare({"early": 1.0}, init)
        quiet_trainer(max_epochs=20).fit(module)
        after = measured(rollouts=4, completions=8, seed=0)
        assert after["early"][0] > init["early"][0] + 0.05
        fluency[bool(guards)] = after["fluency"][0] - init["fluency"][0]
    assert fluency[True] > -0.8 and fluency[False] < -2


def test_accumulated_gradients_are_those_of_the_whole_batch(base: str) -> None:
    def gradient(size: int) -> list[torch.Tensor]:
        torch.manual_seed(0)
        rewards = {"early": Letters()}
        module = LanguageFineTuner(base, Sentences(), rewards, precision="float32", batch_size=3, micro_batch_size=size)
        module.environment.begin(0)
        torch.manual_seed(0)
        rollout = module.environment.rollout(module.policy, 0, completions=4)
        rollout = module.algorithm.advantages(rollout, torch.rand(rollout.mask.shape), module.policy, None)
        module.manual_backward = torch.Tensor.backward  # type: ignore[method-assign, assignment]  # without a trainer
        module._backward(rollout)
        return [parameter.grad for parameter in module.policy.parameters() if parameter.grad is not None]

    for whole, parts in zip(gradient(0), gradient(5), strict=True):
        assert torch.allclose(whole, parts, atol=1e-6)


def test_a_hub_name_without_network_says_how_to_name_a_folder(tmp_path: Path, base: str) -> None:
    file = recipe(tmp_path, "nobody/no-such-model")
    command = [sys.executable, "-m", "rsoup_lightning", "soup", "-c", str(file)]
    variables = environment(HF_HUB_OFFLINE="1")  # which is read at an import
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "folder" in done.stderr and "nobody/no-such-model" in done.stderr


def test_a_reward_that_cannot_be_built_says_why_in_one_line(tmp_path: Path, base: str) -> None:
    file, more = recipe(tmp_path, base), tmp_path / "more.yaml"
    reward = "{class_path: rsoup_lightning.modalities.language.rewards.SequenceClassifier, init_args: {model: ./none}}"
    more.write_text(f"model: {{rewards: {{early: {reward}}}}}")
    done = rsoup("soup", "-c", str(file), "-c", str(more), status=2)
    assert done.stderr.splitlines()[-1].startswith("rsoup: there is no folder ./none to load the sequence classifier")


@torch.no_grad()
def rollout_by_entries(
    self: TextEnvironment, policy: Policy, batch: int, *, completions: int = 1, greedy: bool = False
) -> Rollout:
    """Rows whose chances depend on their entry and place alone, and not on the process that plays them."""
    numbers = self.training_entries(batch)
    seeds = [100 * number + place for number in numbers.tolist() for place in range(completions)]
    noise = gumbel([torch.Generator().manual_seed(seed) for seed in seeds])
    return self._play(policy, "train", numbers, completions, noise)


def learnt(base: str, count: int, *, shard_base: bool = False) -> dict[str, Any]:
    """What a training in so many processes ends with, this one of them, or alone."""
    torch.manual_seed(0)
    module = LanguageFineTuner(
        base,
        Sentences(),
        {"early": Letters(), "late": Letters("n", "z")},
        {"early": 1.0},
        RLOO(2),
        precision="float32",
        kl=KLPenalty(0.01, target=0.01, horizon=50),
        optimizer=partial(torch.optim.SGD, lr=0.1),
        micro_batch_size=3,
        batch_size=4 // count,
        batches_per_epoch=2 * count,
        max_new_tokens=12,
        stop=[chr(number) for number in range(33, 127)],
        eval_batch_size=2,
        shard_base=shard_base,
    )
    validation = Validation(every=1)
    trainer = quiet_trainer(max_epochs=2, devices=count, callbacks=[validation])
    trainer.fit(module)
    trained = {"steps": module.steps_taken, "beta": module.kl.beta, **module.policy.weights()}
    frozen = {name: weight for name, weight in module.policy.named_parameters() if not weight.requires_grad}
    return {
        "frozen": sum(weight.numel() for name, weight in frozen.items() if ".layers." in name),
        "held": sum(local(weight).numel() for name, weight in frozen.items() if ".layers." in name),
        "state": {name: tensor.clone() for name, tensor in trained.items()},
        "logged": dict(trainer.callback_metrics),
        "checked": [each["scores"] for each in validation.history],
    }


def local(weight: torch.Tensor) -> torch.Tensor:
    """What this process holds of it."""
    return weight.to_local() if isinstance(weight, DTensor) else weight


def learn_as_one_of_two(rank: int, base: str, file: Path, port: int, shard_base: bool) -> None:
    """In a process of its own."""
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "LOCAL_RANK": str(rank), "NODE_RANK": "0"}
    found = learnt(base, 2, shard_base=shard_base)
    if rank == 0:
        torch.save(found, file)


@pytest.mark.parametrize("shard_base", [False, True], ids=["whole", "in parts"])
def test_two_processes_learn_what_one_learns(
    base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shard_base: bool
) -> None:
    """From texts that end at different lengths: adapters, β, cost and what is logged are the same but for rounding."""
    monkeypatch.setattr(TextEnvironment, "rollout", rollout_by_entries)
    monkeypatch.setattr("rsoup_lightning.modalities.language.policy.ROWS_AT_A_TIME", 1)
    one, port = learnt(base, 1), find_free_network_port()
    arguments = (base, tmp_path / "two.pt", port, shard_base)
    multiprocessing.start_processes(learn_as_one_of_two, arguments, nprocs=2, start_method="fork")
    two = torch.load(tmp_path / "two.pt", weights_only=True)
    assert one["state"]["beta"] != 0.01
    assert any(w.any() for name, w in one["state"].items() if "lora_B" in name)
    for what in ("state", "logged", "checked"):
        torch.testing.assert_close(two[what], one[what], rtol=1e-4, atol=1e-6)
    assert two["held"] == one["held"] / (2 if shard_base else 1) and two["frozen"] == one["frozen"]


def test_what_is_trained_is_not_cut(base: str) -> None:
    with pytest.raises(ConfigError, match=r"model\.shard_base cuts what is not trained"):
        LanguageFineTuner(base, Sentences(), {"early": Letters()}, lora=None, shard_base=True)
