"""Folding into tied embeddings: the folded model answers as PEFT plays the adapters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from rsoup_lightning.errors import MergeError
from rsoup_lightning.merging.disk.stored_expert import open_expert
from rsoup_lightning.merging.disk.untied import untied
from rsoup_lightning.merging.on_disk import merge

peft = pytest.importorskip("peft")
transformers = pytest.importorskip("transformers")

TOKENS = torch.arange(12).view(1, -1)
POINT = [0.3, 0.7]
SIZES = {"vocab_size": 40, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
LLAMA = ("LlamaForCausalLM", "LlamaConfig", {**SIZES, "initializer_range": 0.5, "tie_word_embeddings": True})
GPT2_SIZES = {"vocab_size": 40, "n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 32, "initializer_range": 0.3}
GPT2 = ("GPT2LMHeadModel", "GPT2Config", {**GPT2_SIZES, "bos_token_id": 0, "eos_token_id": 0})
BERT = ("BertForMaskedLM", "BertConfig", SIZES)
T5_SIZES = {"vocab_size": 40, "d_model": 16, "d_kv": 8, "d_ff": 16, "num_layers": 1, "num_heads": 2}
T5 = ("T5ForConditionalGeneration", "T5Config", T5_SIZES)


def _base(folder: Path, kind: tuple[str, str, dict[str, Any]], **saving: Any) -> Path:
    name, config, sizes = kind
    torch.manual_seed(0)
    getattr(transformers, name)(getattr(transformers, config)(**sizes)).save_pretrained(folder, **saving)
    return folder


def _load(folder: Path, kind: tuple[str, str, dict[str, Any]]) -> Any:
    return getattr(transformers, kind[0]).from_pretrained(folder).eval()


def _expert(base: Path, kind: tuple[str, str, dict[str, Any]], seed: int, **settings: Any) -> str:
    adapted = peft.get_peft_model(_load(base, kind), peft.LoraConfig(r=3, init_lora_weights=False, **settings))
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in adapted.parameters():
            if parameter.requires_grad:
                parameter.normal_(std=0.3)
    adapted.save_pretrained(base.parent / f"lora{seed}")
    return str(base.parent / f"lora{seed}")


def _logits(model: Any) -> Tensor:
    with torch.no_grad():
        return model.eval()(TOKENS).logits


WAYS = [
    (LLAMA, {"target_modules": ["embed_tokens", "q_proj"]}),
    (LLAMA, {"target_modules": ["lm_head", "q_proj"]}),
    (LLAMA, {"target_modules": ["lm_head", "embed_tokens"]}),
    (LLAMA, {"target_modules": ["q_proj"], "modules_to_save": ["embed_tokens"]}),
    (LLAMA, {"target_modules": ["q_proj"], "modules_to_save": ["lm_head"]}),
    (LLAMA, {"target_modules": ["q_proj"], "modules_to_save": ["lm_head", "embed_tokens"]}),
    (GPT2, {"target_modules": ["wte", "attn.c_proj"]}),
    (BERT, {"target_modules": ["word_embeddings", "query"]}),
    (BERT, {"target_modules": ["cls.predictions.decoder", "query"]}),
]


@pytest.mark.filterwarnings("ignore:Model (with|has) `tie_word_embeddings", "ignore:.*fan_in_fan_out", "ignore:.*tied")
@pytest.mark.filterwarnings("ignore:Setting `save_embedding_layers`")
@pytest.mark.parametrize(("kind", "settings"), WAYS)
@pytest.mark.parametrize("shards", [1, 2])
def test_the_folded_model_answers_as_the_adapters_do(
    tmp_path: Path, kind: tuple[str, str, dict[str, Any]], settings: dict[str, Any], shards: int
) -> None:
    size = sum(tensor.nbytes for tensor in load_file(_base(tmp_path / "once", kind) / "model.safetensors").values())
    base = _base(tmp_path / "base", kind, max_shard_size=int(1.4 * size / shards))
    assert len(list(base.glob("*.safetensors"))) == shards
    folders = [_expert(base, kind, seed, **settings) for seed in (1, 2)]
    merge(folders, str(tmp_path / "soup"), POINT)
    merge(folders, str(tmp_path / "whole"), POINT, lora="dense", base=str(base))
    played = _logits(peft.PeftModel.from_pretrained(_load(base, kind), tmp_path / "soup"))
    assert (played - _logits(_load(base, kind))).abs().max() > 0.1
    whole = _load(tmp_path / "whole", kind)
    torch.testing.assert_close(_logits(whole), played, rtol=1e-5, atol=1e-5)
    assert whole.config.tie_word_embeddings is False
    assert json.loads((tmp_path / "whole/merge.json").read_text())["untied"]


@pytest.mark.filterwarnings("ignore:.*tied", "ignore:Setting `save_embedding_layers`", "ignore:Model with `tie_word")
@pytest.mark.filterwarnings("ignore:fan_in_fan_out is set to")
@pytest.mark.parametrize("targets", [["c_attn", "attn.c_proj"], ["wte", "c_attn"], ["lm_head", "c_attn"]])
def test_a_base_that_is_stored_without_its_head(tmp_path: Path, targets: list[str]) -> None:
    """As GPT-2 is published: names of tensors lack the prefix that they have in the whole model."""
    base = _base(tmp_path / "base", GPT2)
    tensors = load_file(base / "model.safetensors")
    bare = {name.removeprefix("transformer."): tensor for name, tensor in tensors.items()}
    save_file(bare, base / "model.safetensors", metadata={"format": "pt"})
    folders = [_expert(base, GPT2, seed, target_modules=targets) for seed in (1, 2)]
    merge(folders, str(tmp_path / "soup"), POINT)
    merge(folders, str(tmp_path / "whole"), POINT, lora="dense", base=str(base))
    played = _logits(peft.PeftModel.from_pretrained(_load(base, GPT2), tmp_path / "soup"))
    assert (played - _logits(_load(base, GPT2))).abs().max() > 0.1
    torch.testing.assert_close(_logits(_load(tmp_path / "whole", GPT2)), played, rtol=1e-5, atol=1e-5)


@pytest.mark.filterwarnings("ignore:.*tied", "ignore:Setting `save_embedding_layers`", "ignore:Model with `tie_word")
def test_a_base_that_stores_both_names(tmp_path: Path) -> None:
    base = _base(tmp_path / "base", LLAMA)
    tensors = load_file(base / "model.safetensors")
    tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"].clone()
    save_file(tensors, base / "model.safetensors", metadata={"format": "pt"})
    folder = _expert(base, LLAMA, 1, target_modules=["lm_head"])
    merge([folder], str(tmp_path / "whole"), [1.0], lora="dense", base=str(base))
    played = _logits(peft.PeftModel.from_pretrained(_load(base, LLAMA), folder))
    torch.testing.assert_close(_logits(_load(tmp_path / "whole", LLAMA)), played, rtol=1e-5, atol=1e-5)
    assert {file.name for file in (tmp_path / "whole").glob("*.safetensors")} == {"model.safetensors"}


@pytest.mark.filterwarnings("ignore:.*tied", "ignore:Setting `save_embedding_layers`")
def test_a_class_that_ties_whatever_its_settings(tmp_path: Path) -> None:
    base = _base(tmp_path / "base", T5)
    folder = _expert(base, T5, 1, target_modules=["lm_head"])
    with pytest.raises(MergeError, match=r"lm_head\.weight and shared\.weight are one tensor in T5.*keep the soup"):
        merge([folder], str(tmp_path / "out"), [1.0], lora="dense", base=str(base))
    assert not (tmp_path / "out").exists()


@pytest.mark.filterwarnings("ignore:.*tied", "ignore:Setting `save_embedding_layers`")
def test_embeddings_need_the_class_of_the_base(tmp_path: Path) -> None:
    base = _base(tmp_path / "base", LLAMA)
    folder = _expert(base, LLAMA, 1, target_modules=["embed_tokens"])
    output = tmp_path / "out.safetensors"
    with pytest.raises(MergeError, match=r"embed_tokens\.weight' may be tied.*as a folder with the configuration"):
        merge([folder], str(output), [1.0], lora="dense", base=str(base / "model.safetensors"))
    (base / "config.json").write_text('{"model_type": "of somebody", "architectures": ["Own"]}')
    with pytest.raises(MergeError, match=r"may be tied.*of somebody"):
        merge([folder], str(tmp_path / "out"), [1.0], lora="dense", base=str(base))
    assert not output.exists() and not (tmp_path / "out").exists()


def test_what_is_not_touched_stays_tied(tmp_path: Path) -> None:
    base = open_expert(_base(tmp_path / "base", LLAMA))
    for names in ([], ["model.layers.0.self_attn.q_proj.weight"], ["model.norm.weight"]):
        with untied(base, names) as same:
            assert same is base
    base.close()


def test_an_untied_base_stays_as_it_is(tmp_path: Path) -> None:
    name, config, sizes = LLAMA
    base = open_expert(_base(tmp_path / "base", (name, config, {**sizes, "tie_word_embeddings": False})))
    with untied(base, ["model.embed_tokens.weight"]) as same:
        assert same is base
    base.close()
