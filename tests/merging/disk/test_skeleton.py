from __future__ import annotations

import json
from pathlib import Path

import pytest
from safetensors import safe_open

from rsoup_lightning.errors import MergeError
from rsoup_lightning.merging.disk.skeleton import Skeleton, model_names, skeleton, token_dimensions
from tests.modalities.language.families import family

transformers = pytest.importorskip("transformers")


def test_layers_and_ties_of_gpt2(tmp_path: Path) -> None:
    config = transformers.GPT2Config(n_embd=16, n_layer=1, n_head=2, vocab_size=40, architectures=["GPT2LMHeadModel"])
    config.save_pretrained(tmp_path)
    found = skeleton(tmp_path)
    names = ("attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj")
    assert found.fan_in_first == {f"transformer.h.0.{name}" for name in names}
    assert found.tied == (frozenset({"transformer.wte.weight", "lm_head.weight"}),)


def test_models_of_diffusers_have_neither(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"_class_name": "UNet2DConditionModel"}))
    assert skeleton(tmp_path) == Skeleton(frozenset(), ())


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "3",
        "{}",
        '{"architectures": ["LlamaForCausalLM"]}',
        '{"model_type": "llama"}',
        '{"model_type": "llama", "architectures": null}',
        '{"model_type": "llama", "architectures": ["No"]}',
        '{"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": "x"}',
        '{"model_type": "x", "architectures": ["X"], "auto_map": {"AutoConfig": "code.Config"}}',
    ],
)
def test_damaged_and_foreign_configurations(tmp_path: Path, content: str) -> None:
    (tmp_path / "config.json").write_text(content)
    (tmp_path / "code.py").write_text("raise SystemExit('code was run')")
    with pytest.raises(MergeError, match=r"no class of transformers can be built from .*config\.json"):
        skeleton(tmp_path)


def test_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(MergeError, match="FileNotFoundError"):
        skeleton(tmp_path)


def test_names_of_files_and_names_in_the_model(tmp_path: Path) -> None:
    family("Gemma 3 with its eyes").save_pretrained(tmp_path / "gemma")
    with safe_open(tmp_path / "gemma" / "model.safetensors", "pt") as file:
        stored = list(file.keys())
    names = model_names(tmp_path / "gemma", stored)
    assert set(names.values()) <= family("Gemma 3 with its eyes").state_dict().keys()
    embeddings = "language_model.model.embed_tokens.weight"
    assert names[embeddings] == "model.language_model.embed_tokens.weight"
    assert {embeddings: 0, "lm_head.weight": 0} in token_dimensions(tmp_path / "gemma", stored)


def test_names_of_models_of_diffusers(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"_class_name": "UNet2DConditionModel"}))
    assert model_names(tmp_path, ["a"]) == {"a": "a"}
