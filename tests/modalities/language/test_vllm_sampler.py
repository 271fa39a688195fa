"""Completions that a server samples, and the training that learns from them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from rsoup_lightning.algorithms import RLOO
from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.language import LanguageFineTuner
from rsoup_lightning.modalities.language.vllm_sampler import VLLMSampler
from rsoup_lightning.modalities.lora import LoRA
from tests.conftest import quiet_trainer
from tests.modalities.language.engine import Engine
from tests.modalities.language.tiny import Letters, Sentences, llama, recipe, saved
from tests.running import rsoup


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine(llama()).running() as running:
        yield running


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return saved(tmp_path_factory.mktemp("base"))


def fine_tuner(base: str, sampler: VLLMSampler, **settings: Any) -> LanguageFineTuner:
    given: dict[str, Any] = {
        "algorithm": RLOO(3),
        "lora": LoRA(4),
        "precision": "float32",
        "batch_size": 2,
        "batches_per_epoch": 2,
        "max_new_tokens": 6,
        "optimizer": lambda parameters: torch.optim.Adam(parameters, lr=0.02),
        **settings,
    }
    module = LanguageFineTuner(base, Sentences(), {"early": Letters()}, sampler=sampler, **given)
    module.environment.begin(0)
    return module


def stirred(module: LanguageFineTuner) -> LanguageFineTuner:
    """With an adapter that changes what the model says."""
    torch.manual_seed(3)
    for name, weight in module.policy.weights().items():
        if "lora_B" in name:
            weight.normal_(std=0.3)
    return module


def test_what_the_server_samples_is_the_policys(base: str, engine: Engine) -> None:
    module = stirred(fine_tuner(base, VLLMSampler(engine.url), temperature=0.7))
    torch.manual_seed(0)
    rollout = module.environment.rollout(module.policy, 0, completions=3)
    assert rollout["importance"][rollout.mask].sub(1).abs().max() < 1e-4
    assert len(rollout) == 6 and [*dict.fromkeys(rollout["id"].tolist())] == rollout["id"][::3].tolist()
    assert [body["temperature"] for body in engine.asked] == [0.7, 0.7] and {body["n"] for body in engine.asked} == {3}
    torch.manual_seed(0)
    again = module.environment.rollout(module.policy, 0, completions=3)
    assert again.texts == rollout.texts
    assert len(engine.loaded) == 2 and [*engine.adapters] == engine.loaded[1:]
    module.environment.close()
    assert not engine.adapters


def test_evaluation_and_greedy_completions_stay_with_the_policy(base: str, engine: Engine) -> None:
    module = fine_tuner(base, VLLMSampler(engine.url))
    module.environment.rollout(module.policy, 0, greedy=True)
    module.environment.evaluate(module.policy, torch.arange(2))
    assert not engine.asked


def test_a_policy_learns_from_it(base: str, engine: Engine) -> None:
    settings: dict[str, Any] = {"batches_per_epoch": 25, "batch_size": 4, "algorithm": RLOO(4), "max_new_tokens": 4}
    module = fine_tuner(
        base, VLLMSampler(engine.url), optimizer=partial(torch.optim.Adam, lr=0.05), **settings
    )  # whose adapter changes a lot from one rollout to the next

    def early() -> float:
        rollout = module.environment.evaluate(module.policy, torch.arange(5))
        return float(module.rewards["early"](rollout).mean())

    before = early()
    quiet_trainer(max_epochs=1).fit(module)
    assert early() > before + 0.2
    assert len(engine.loaded) == 25 and not engine.adapters


def test_advantages_are_multiplied(base: str, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    engine.off = -0.1
    module = fine_tuner(base, VLLMSampler(engine.url), batches_per_epoch=1)
    seen: dict[str, torch.Tensor] = {}
    advantages = RLOO.advantages

    def noted(*arguments: Any) -> Any:
        seen["own"] = (lesson := advantages(*arguments))["advantages"]
        return lesson

    def loss(algorithm: Any, output: Any, part: Any) -> Any:
        seen["used"] = part["advantages"]
        return output.log_probs.sum() * 0, {}

    monkeypatch.setattr(RLOO, "advantages", noted)
    monkeypatch.setattr(RLOO, "loss", loss)
    quiet_trainer(max_epochs=1).fit(module)
    ratio = (seen["used"] / seen["own"])[seen["own"] != 0]
    assert torch.allclose(ratio, torch.tensor(0.1).exp(), atol=1e-3)


def test_a_server_that_keeps_to_an_old_adapter_is_told(base: str, engine: Engine) -> None:
    engine.stale = True
    module = fine_tuner(base, VLLMSampler(engine.url))
    module.environment.rollout(module.policy, 0, completions=2)
    stirred(module)
    with pytest.raises(ConfigError, match="nats per token from the policy's"):
        module.environment.rollout(module.policy, 0, completions=2)


def test_what_does_not_work_is_told_with_its_cure(
    base: str, engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fails(sampler: VLLMSampler, match: str, **settings: Any) -> None:
        module = fine_tuner(base, sampler, **settings)
        with pytest.raises(ConfigError, match=match):
            module.environment.rollout(module.policy, 0, completions=2)

    fails(VLLMSampler("http://127.0.0.1:9/v1"), "no vLLM answers at http://127.0.0.1:9/v1 .*: start it, or correct")
    fails(VLLMSampler("nowhere"), "no vLLM answers at nowhere")
    fails(VLLMSampler(engine.url), "set model.lora, or leave out the sampler", lora=None)
    engine.takes_adapters = False
    fails(VLLMSampler(engine.url), r"refuses load_lora_adapter \(404 .*\): start vLLM with --enable-lora")
    engine.takes_adapters, engine.key = True, "secret"
    fails(VLLMSampler(engine.url), "refuses load_lora_adapter .401")
    monkeypatch.setenv("VLLM_API_KEY", "secret")
    module = fine_tuner(base, VLLMSampler(engine.url, folder=str(tmp_path)))
    module.environment.rollout(module.policy, 0, completions=2)
    (adapters,) = tmp_path.iterdir()
    assert [folder.name for folder in adapters.iterdir()] == engine.loaded[-1:]
    with pytest.raises(ConfigError, match=r"most_importance is 0.5: it must be at least 1"):
        VLLMSampler(engine.url, most_importance=0.5)


def test_a_recipe_names_it(base: str, engine: Engine, tmp_path: Path) -> None:
    sampler = ["--model.sampler", "VLLMSampler", "--model.sampler.url", engine.url]
    small = [
        "--model.batch_size",
        "2",
        "--model.batches_per_epoch",
        "1",
        "--trainer.max_epochs",
        "1",
        "--soup.morl",
        "[]",
    ]
    rsoup("soup", "-c", str(recipe(tmp_path, base)), "--run_dir", str(tmp_path / "run"), *sampler, *small)
    assert len(engine.loaded) == 4  # for two rollouts of the normalisation, and one of each expert
    assert len(engine.asked) == 2 * len(engine.loaded)  # of two prompts
    assert not engine.adapters
