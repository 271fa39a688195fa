"""Adapters in the place of models, against PEFT's and transformers' own use of them."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoHaConfig, LoraConfig, PeftConfig, PeftModel, PromptTuningConfig, get_peft_model
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.folding import fold, source
from rsoup_lightning.modalities.language import LanguageFineTuner
from rsoup_lightning.modalities.language.base import load_base
from rsoup_lightning.modalities.pretrained import load_classifier, load_tokenizer
from tests.modalities.language.tiny import Letters, Sentences, gpt2, llama, saved, tokenizer

TOKENS = torch.tensor([[70, 81, 92, 66, 80, 75]])
LORA = LoraConfig(r=3, lora_alpha=6, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RSOUP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def adapted(folder: Path, base: str, config: PeftConfig, loader: Any = AutoModelForCausalLM, **options: Any) -> str:
    """The folder of an adapter with large random weights, as PEFT saves it."""
    model = get_peft_model(loader.from_pretrained(base, **options), deepcopy(config))
    dice = torch.Generator().manual_seed(len(str(folder)))
    for parameter in model.parameters():
        if parameter.requires_grad:
            torch.nn.init.normal_(parameter, std=0.3, generator=dice)
    model.save_pretrained(folder)
    return str(folder)


@torch.no_grad()
def logits(model: Any) -> Tensor:
    output: Tensor = model.eval()(TOKENS).logits
    return output


def side_by_side(base: str, adapter: str) -> Tensor:
    """What PEFT computes of the two, unmerged."""
    return logits(PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), adapter))


def lora(*targets: str, **changes: Any) -> LoraConfig:
    return LoraConfig(**{"r": 3, "target_modules": list(targets), "task_type": "CAUSAL_LM", **changes})


@pytest.mark.parametrize(
    ("tied", "config"),
    [
        (False, LORA),
        (False, lora("q_proj", use_dora=True, bias="all")),
        (False, LoHaConfig(r=3, target_modules=["up_proj"], task_type="CAUSAL_LM")),
        (True, LORA),
        (True, lora("q_proj", "embed_tokens")),
        (True, lora("lm_head")),
        (True, lora("q_proj", modules_to_save=["embed_tokens"])),
        (True, lora("embed_tokens", ensure_weight_tying=True)),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_a_base_that_is_an_adapter_is_the_two_together(tied: bool, config: PeftConfig, tmp_path: Path) -> None:
    base = saved(tmp_path / "base", llama(tie_word_embeddings=tied))
    adapter = adapted(tmp_path / "adapter", base, config)
    expected = side_by_side(base, adapter)
    assert (expected - logits(AutoModelForCausalLM.from_pretrained(base))).abs().max() > 1
    model, words = load_base(adapter, "float32")
    assert torch.allclose(logits(model), expected, atol=1e-4)
    still_tied = model.lm_head.weight is model.model.embed_tokens.weight
    assert still_tied == model.config.tie_word_embeddings == (tied and (config is LORA or config.ensure_weight_tying))
    assert words.decode(TOKENS[0]) == tokenizer().decode(TOKENS[0])  # the base's, as the adapter brings none


@pytest.mark.filterwarnings("ignore")
def test_transposed_and_plain_layers_in_one_adapter(tmp_path: Path) -> None:
    base = saved(tmp_path / "base", gpt2())
    adapter = adapted(tmp_path / "adapter", base, lora("c_attn", "lm_head", "wte"))
    assert torch.allclose(logits(load_base(adapter, "float32")[0]), side_by_side(base, adapter), atol=1e-4)


def test_an_adapter_of_an_adapter(tmp_path: Path) -> None:
    first = adapted(tmp_path / "first", saved(tmp_path / "base"), LORA)
    folded = load_base(first, "float32")[0]
    second = adapted(tmp_path / "second", folded.name_or_path, lora("k_proj", "q_proj"))
    expected = side_by_side(folded.name_or_path, second)
    config = json.loads((tmp_path / "second" / "adapter_config.json").read_text())
    for base in (folded.name_or_path, first):
        (tmp_path / "second" / "adapter_config.json").write_text(
            json.dumps({**config, "base_model_name_or_path": base})
        )
        assert torch.allclose(logits(load_base(second, "float32")[0]), expected, atol=1e-4)


def test_tokens_that_were_added_for_the_adapter(tmp_path: Path) -> None:
    base = saved(tmp_path / "base")
    model = AutoModelForCausalLM.from_pretrained(base)
    model.resize_token_embeddings(261)
    trained = get_peft_model(model, deepcopy(LORA))
    trained.save_pretrained(tmp_path / "adapter")
    words = tokenizer()
    words.add_tokens(["<turn>", "<user>", "<model>"])
    words.save_pretrained(tmp_path / "adapter")
    folded, read = load_base(str(tmp_path / "adapter"), "float32")
    assert torch.equal(logits(folded), logits(trained)) and logits(folded).shape[-1] == 261
    assert read.convert_tokens_to_ids("<model>") == 260


def test_training_begins_at_the_two_together_and_its_experts_name_a_whole_model(tmp_path: Path) -> None:
    base = saved(tmp_path / "base")
    adapter = adapted(tmp_path / "adapter", base, LORA)
    expected = side_by_side(base, adapter)

    def made(**changes: Any) -> LanguageFineTuner:
        torch.manual_seed(0)
        return LanguageFineTuner(adapter, Sentences(), {"early": Letters()}, precision="float32", **changes)

    policy, again = made().policy, made().policy
    assert torch.allclose(logits(policy.model), expected, atol=1e-4)
    with policy.model.disable_adapter():
        assert torch.allclose(logits(policy.model), expected, atol=1e-4)
    for name, weight in policy.weights().items():  # folding drew nothing from the generator of the training
        assert torch.equal(weight, again.weights()[name]), name
    assert torch.allclose(logits(made(lora=None).policy.model), expected, atol=1e-4)

    policy.load_weights({name: torch.full_like(weight, 0.1) for name, weight in policy.weights().items()})
    policy.export(tmp_path / "expert")
    named = PeftConfig.from_pretrained(tmp_path / "expert").base_model_name_or_path
    others = side_by_side(named, str(tmp_path / "expert"))
    assert torch.allclose(others, logits(policy.model), atol=1e-4) and (others - expected).abs().max() > 1


def test_folding_happens_once_until_something_changes(tmp_path: Path) -> None:
    adapter = adapted(tmp_path / "adapter", saved(tmp_path / "base"), LORA)
    folder = Path(load_base(adapter, "float32")[0].name_or_path)
    written = (folder / "model.safetensors").stat().st_mtime_ns
    assert load_base(adapter, "float32")[0].name_or_path == str(folder)
    assert (folder / "model.safetensors").stat().st_mtime_ns == written
    adapted(tmp_path / "adapter", str(tmp_path / "base"), lora("k_proj"))
    assert load_base(adapter, "float32")[0].name_or_path != str(folder)


def test_a_reward_model_that_is_an_adapter(tmp_path: Path) -> None:
    base = saved(tmp_path / "base")
    loader = AutoModelForSequenceClassification
    config = LoraConfig(r=3, target_modules=["q_proj"], task_type="SEQ_CLS")
    adapter = adapted(tmp_path / "adapter", base, config, loader, num_labels=1)
    expected = logits(PeftModel.from_pretrained(loader.from_pretrained(base, num_labels=1), adapter))
    model = load_classifier(loader.from_pretrained, adapter, "a sequence classifier")
    assert torch.allclose(logits(model), expected, atol=1e-4) and expected.shape == (1, 1)
    assert not any(parameter.requires_grad for parameter in model.parameters())
    headless = adapted(tmp_path / "headless", base, LORA)
    with pytest.raises(ConfigError, match=r"headless was not trained as a sequence classifier: .* score\.weight"):
        load_classifier(loader.from_pretrained, headless, "a sequence classifier")


def test_the_tokenizer_is_the_adapters_where_it_brings_one(tmp_path: Path) -> None:
    adapter = adapted(tmp_path / "adapter", saved(tmp_path / "base"), LORA)
    assert load_tokenizer(adapter).chat_template is None
    words = tokenizer()
    words.chat_template = "{{ messages }}"
    words.save_pretrained(adapter)
    assert load_tokenizer(adapter).chat_template == "{{ messages }}"


def rewrite(adapter: str, **changes: Any) -> None:
    path = Path(adapter) / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_bases_that_cannot_be_found(tmp_path: Path) -> None:
    base = saved(tmp_path / "base")
    adapter = adapted(tmp_path / "adapter", base, LORA)
    rewrite(adapter, base_model_name_or_path="/nowhere/base")
    with pytest.raises(ConfigError, match=rf"no folder /nowhere/base .* \(the adapter {adapter} names it as its base"):
        load_base(adapter, "float32")
    for nothing in (None, "", 3):
        rewrite(adapter, base_model_name_or_path=nothing)
        with pytest.raises(ConfigError, match="names no base: write its folder or hub name"):
            source(adapter, "model")
    rewrite(adapter, base_model_name_or_path=adapter)
    with pytest.raises(ConfigError, match=f"names an adapter of {adapter} as base_model_name_or_path"):
        source(adapter, "model")
    (Path(adapter) / "adapter_config.json").write_text("[1]")
    with pytest.raises(ConfigError, match="is not a whole JSON object"):
        source(adapter, "model")
    adapted(tmp_path / "base", base, LORA)
    with pytest.raises(ConfigError, match=r"base holds an adapter beside model\.safetensors: keep each in a folder"):
        source(base, "model")


@pytest.mark.filterwarnings("ignore")
def test_adapters_that_do_not_fit_or_cannot_be_folded(tmp_path: Path, cache: Path) -> None:
    base = saved(tmp_path / "base")
    adapter = adapted(tmp_path / "adapter", base, LORA)
    file = tmp_path / "adapter" / "adapter_model.safetensors"
    tensors = load_file(file)
    first, *_ = tensors

    def refused(message: str, **changed: Tensor) -> None:
        save_file(changed, file)
        with pytest.raises(ConfigError, match=message):
            load_base(adapter, "float32")
        assert not list(cache.glob("folded/*"))

    refused(
        "cannot be folded into its base .*: only one of them has", **{k: v for k, v in tensors.items() if k != first}
    )
    refused("only one of them has", **tensors, **{first.replace("layers.0", "layers.9"): tensors[first].clone()})
    refused("cannot be folded into its base .*NaN", **{**tensors, first: tensors[first] * float("nan")})
    refused("cannot be folded into its base .*size mismatch", **{**tensors, first: tensors[first][:, :5].contiguous()})
    file.write_bytes(b"nothing")
    with pytest.raises(ConfigError, match=f"the folder {adapter} holds no adapter that can be loaded"):
        load_base(adapter, "float32")
    prompts = adapted(tmp_path / "prompts", base, PromptTuningConfig(num_virtual_tokens=2, task_type="CAUSAL_LM"))
    with pytest.raises(ConfigError, match="is of kind PROMPT_TUNING, which changes no weights"):
        fold(llama(), prompts)
