from __future__ import annotations

import json
from pathlib import Path

import pytest

from rsoup_lightning.errors import MergeError
from rsoup_lightning.merging.disk.skeleton import Skeleton, skeleton

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
