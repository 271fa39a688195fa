"""Language policies: re-scoring, the reference, soups by row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from torch import Tensor

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.merging.disk.io import read_weights, write_weights
from rsoup_lightning.modalities.language.environment import TextEnvironment
from rsoup_lightning.modalities.language.policy import LanguagePolicy
from rsoup_lightning.modalities.lora import LoRA
from rsoup_lightning.rollout import Rollout
from tests.modalities.language.tiny import Sentences, gpt2, llama, saved, tokenizer


def environment(**changes: Any) -> TextEnvironment:
    made = TextEnvironment(Sentences(), tokenizer(), **{"batch_size": 4, "max_new_tokens": 6, **changes})
    made.begin(0)
    return made


def policy(seed: int | None = None, **changes: Any) -> LanguagePolicy:
    """A policy whose adapter adds something if it is given a seed."""
    made = LanguagePolicy(llama(), LoRA(rank=2), **changes)
    return made if seed is None else stirred(made, seed)


def stirred(made: LanguagePolicy, seed: int) -> LanguagePolicy:
    generator = torch.Generator().manual_seed(seed)
    made.load_weights({name: 0.3 * torch.randn(w.shape, generator=generator) for name, w in made.weights().items()})
    return made


def rolled(made: LanguagePolicy, completions: int = 2) -> Rollout:
    torch.manual_seed(0)
    return environment().rollout(made, 0, completions=completions)


def test_re_scoring_gives_the_log_probs_of_sampling() -> None:
    made = policy(1, critic=True)
    rollout = rolled(made)
    output = made(rollout)
    assert torch.allclose(output.log_probs[rollout.mask], rollout.log_probs[rollout.mask], atol=1e-4)
    assert output.values is not None and output.values.shape == rollout.mask.shape
    assert made.values(rollout).shape == (len(rollout), rollout.mask.shape[1] + 1)


@pytest.mark.parametrize("lora", [LoRA(rank=2), None])
def test_a_base_with_dropout_is_re_scored_as_it_sampled(lora: LoRA | None) -> None:
    made = LanguagePolicy(gpt2(), lora)  # whose configuration has a dropout of 0.1
    rollout = rolled(made)
    torch.testing.assert_close(
        made(rollout).log_probs[rollout.mask], rollout.log_probs[rollout.mask], atol=1e-4, rtol=0
    )


def test_the_dropout_of_an_adapter_is_kept() -> None:
    made = LanguagePolicy(gpt2(), LoRA(rank=2, dropout=0.5))
    assert {module.p for module in made.modules() if isinstance(module, torch.nn.Dropout)} == {0.0, 0.5}


@pytest.mark.parametrize("temperature", [0.0, -1.0])
def test_the_temperature_is_above_0(temperature: float) -> None:
    with pytest.raises(ConfigError, match=f"temperature is {temperature}: it must be above 0"):
        policy(temperature=temperature)


def test_rows_in_another_order_score_the_same() -> None:
    made, order = policy(1), torch.tensor([5, 0, 3, 7])
    rollout = rolled(made)
    assert torch.allclose(made(rollout.rows(order)).log_probs, made(rollout).log_probs[order], atol=1e-5)


def test_only_the_adapter_and_the_critic_are_weights() -> None:
    names = policy(critic=True).weights().keys()
    assert {name for name in names if "lora_" not in name} == {"critic.weight", "critic.bias"}
    assert len(names) == 2 + 2 * 4 * 2  # A and B of q, k, v, o in two layers


def test_the_reference_is_the_model_without_its_adapter() -> None:
    made = stirred(policy(), 2)
    rollout = rolled(made)
    assert torch.allclose(made.reference_log_probs(rollout), plain(llama(), rollout), atol=1e-5)


def test_the_reference_is_a_trained_init_where_there_is_one() -> None:
    made = policy(1)
    made.freeze_reference()
    start = {name: tensor.clone() for name, tensor in made.weights().items()}
    stirred(made, 2)
    rollout = rolled(made)
    reference = made.reference_log_probs(rollout)
    assert {name for name, tensor in made.weights().items() if torch.equal(tensor, start[name])} == set()
    made.load_weights(start)
    assert torch.allclose(reference, made(rollout).log_probs * rollout.mask, atol=1e-5)


@pytest.mark.parametrize("targets", [["embed_tokens"], ["q_proj"]])
def test_a_trained_init_is_the_reference_whatever_it_adapts(targets: list[str]) -> None:
    made = stirred(LanguagePolicy(llama(), LoRA(rank=2, targets=targets)), 1)
    made.freeze_reference()
    rollout = rolled(made)
    assert torch.allclose(made.reference_log_probs(rollout), made(rollout).log_probs * rollout.mask, atol=1e-5)
    assert (rollout["base_log_probs"] - rollout.log_probs).abs().max() > 0.01


def test_gradients_reach_the_adapter_only() -> None:
    made = policy(1)
    made(rolled(made)).log_probs.sum().backward()
    reached = {name for name, parameter in made.named_parameters() if parameter.grad is not None}
    assert reached == set(made.weights())


@pytest.mark.parametrize("coefficients", [[[1.0, 0.0], [0.0, 1.0]], [[0.25, 0.75], [0.5, 0.5], [1.0, 0.0]]])
def test_souped_rows_are_those_of_the_averaged_update(coefficients: list[list[float]]) -> None:
    made = policy()
    experts = [dict(policy(seed).weights()) for seed in (3, 4)]
    soups = made.soups(experts)
    assert soups is not None
    souped = soups(coefficients)
    assert souped.members == len(coefficients)
    played = environment().evaluate(souped, torch.arange(5))
    for member, point in enumerate(coefficients):
        alone = environment().evaluate(LanguagePolicy(averaged(experts, point)), torch.arange(5))
        width = alone.mask.shape[1]
        rows = slice(5 * member, 5 * member + 5)
        assert torch.equal(played["tokens"][rows, :width], alone["tokens"])
        assert torch.allclose(played.log_probs[rows, :width], alone.log_probs, atol=1e-4)
    assert set(made.model.peft_config) == {"default"}


def averaged(experts: list[dict[str, Tensor]], point: list[float]) -> Any:
    """The base with the λ-weighted mean of the experts' B A s added to its weights."""
    model = llama()
    for key in [key for key in experts[0] if "lora_A" in key]:
        target = model.get_parameter(
            key.removeprefix("model.base_model.model.").replace("lora_A.default.weight", "weight")
        )
        for weight, expert in zip(point, experts, strict=True):
            update = expert[key.replace("lora_A", "lora_B")] @ expert[key] * (16 / 2)
            target.data += weight * update
    return model


def test_experts_are_exported_as_peft_reads_them(tmp_path: Path) -> None:
    made = policy(1)
    made.export(tmp_path / "adapter")
    write_weights(tmp_path / "adapter", made.weights())
    again = PeftModel.from_pretrained(llama(), tmp_path / "adapter").eval()
    rollout = rolled(made)
    assert torch.allclose(plain(again, rollout), made(rollout).log_probs * rollout.mask, atol=1e-5)
    assert read_weights(tmp_path / "adapter").keys() == made.weights().keys()


def test_whole_weights_can_be_trained_instead() -> None:
    made = LanguagePolicy(llama())
    with torch.no_grad():
        made.get_parameter("model.lm_head.weight").mul_(2)
    rollout = rolled(made)
    assert made.soups([made.weights()]) is None
    assert torch.allclose(made.reference_log_probs(rollout), plain(llama(), rollout), atol=1e-5)


def test_targets_that_the_model_does_not_have() -> None:
    with pytest.raises(ConfigError, match="attention_x"):
        LanguagePolicy(llama(), LoRA(targets=["attention_x"]))


def plain(model: Any, rollout: Rollout) -> Tensor:
    """``[B, T]`` log-probabilities by the model run plainly on each row."""
    scores = torch.zeros(rollout.mask.shape)
    for row in range(len(rollout)):
        prompt = rollout["prompt_tokens"][row][rollout["prompt_mask"][row]]
        tokens = rollout["tokens"][row][rollout.mask[row]]
        with torch.no_grad():
            logits = model(torch.cat([prompt, tokens]).unsqueeze(0), use_cache=False).logits[0, len(prompt) - 1 : -1]
        scores[row, : len(tokens)] = torch.log_softmax(logits, -1)[torch.arange(len(tokens)), tokens]
    return scores


def test_a_saved_folder_is_a_base(tmp_path: Path) -> None:
    assert Path(saved(tmp_path / "model")).is_dir()
