"""Folding into layers of both orientations, against PEFT's ``merge_and_unload``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from rsoup_lightning.errors import MergeError
from rsoup_lightning.merging import linear
from rsoup_lightning.merging.on_disk import merge

peft = pytest.importorskip("peft")
transformers = pytest.importorskip("transformers")

POINT = [0.3, 0.7]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A classifier with square layers of both kinds: ``attn.c_proj`` is a Conv1D, ``score`` is linear."""
    torch.manual_seed(0)
    sizes = {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 32, "vocab_size": 40}
    tokens = {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0}
    config = transformers.GPT2Config(**sizes, **tokens, num_labels=16, initializer_range=0.3)
    transformers.GPT2ForSequenceClassification(config).save_pretrained(tmp_path / "base")
    return tmp_path / "base"


def _expert(base: Path, seed: int, **settings: Any) -> tuple[str, dict[str, Tensor]]:
    """An adapter's folder, and what PEFT makes of the base with it folded in."""
    model = transformers.GPT2ForSequenceClassification.from_pretrained(base)
    adapted = peft.get_peft_model(model, peft.LoraConfig(r=3, init_lora_weights=False, **settings))
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in adapted.parameters():
            if parameter.requires_grad:
                parameter.normal_()
    folder = base.parent / f"lora{seed}"
    adapted.save_pretrained(folder)
    return str(folder), adapted.merge_and_unload().state_dict()


@pytest.mark.filterwarnings("ignore:fan_in_fan_out is set to")
@pytest.mark.parametrize(
    "targets", [["attn.c_proj"], ["score"], ["attn.c_proj", "score"], ["c_attn", "c_fc", "c_proj", "wte", "score"]]
)
@pytest.mark.parametrize("declared", [False, True])
def test_each_layer_is_folded_as_it_is_stored(base: Path, targets: list[str], declared: bool) -> None:
    folders, wholes = zip(
        *(_expert(base, seed, target_modules=targets, fan_in_fan_out=declared) for seed in (1, 2)), strict=True
    )
    merge(list(folders), str(base.parent / "soup"), POINT, lora="dense", base=str(base))
    merged, before = load_file(base.parent / "soup/model.safetensors"), load_file(base / "model.safetensors")
    torch.testing.assert_close(merged, linear(wholes, POINT))
    changed = [name for name in before if not torch.equal(merged[name], before[name])]
    assert all(any(target in name for name in changed) for target in targets)


@pytest.mark.filterwarnings("ignore:fan_in_fan_out is set to")
def test_experts_may_declare_it_differently(base: Path) -> None:
    """PEFT's setting is that of the last layer it adapted: it says nothing about the others."""
    folders, wholes = zip(
        *(_expert(base, seed, target_modules=["c_attn", *more]) for seed, more in ((1, []), (2, ["score"]))),
        strict=True,
    )
    declared = [json.loads((Path(folder) / "adapter_config.json").read_text())["fan_in_fan_out"] for folder in folders]
    assert declared == [True, False]
    merge(list(folders), str(base.parent / "soup"), POINT, lora="dense", base=str(base))
    torch.testing.assert_close(load_file(base.parent / "soup/model.safetensors"), linear(wholes, POINT))


@pytest.mark.filterwarnings("ignore:fan_in_fan_out is set to")
def test_square_layers_need_the_class_of_the_base(base: Path) -> None:
    folder, _ = _expert(base, 1, target_modules=["attn.c_proj"])
    wide, whole = _expert(base, 2, target_modules=["c_attn"])
    file, output = str(base / "model.safetensors"), base.parent / "soup.safetensors"
    with pytest.raises(MergeError, match=r"attn\.c_proj' is square.*a folder with the configuration"):
        merge([folder], str(output), [1.0], lora="dense", base=file)
    assert not output.exists()
    merge([wide], str(output), [1.0], lora="dense", base=file)  # whose shape tells
    torch.testing.assert_close(load_file(output), dict(whole))


def test_square_linear_layers_need_no_class(tmp_path: Path) -> None:
    """Where no layer is stored fan-in first, a file without a configuration will do."""
    (tmp_path / "lora").mkdir()
    settings = {"peft_type": "LORA", "r": 1, "lora_alpha": 1, "target_modules": ["q"], "fan_in_fan_out": False}
    (tmp_path / "lora/adapter_config.json").write_text(json.dumps(settings))
    A, B = torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0], [4.0]])
    factors = {"base_model.model.q.lora_A.weight": A, "base_model.model.q.lora_B.weight": B}
    save_file(factors, tmp_path / "lora/adapter_model.safetensors")
    save_file({"q.weight": torch.zeros(2, 2), "q.bias": torch.zeros(2)}, tmp_path / "base.safetensors")
    merge(
        [str(tmp_path / "lora")],
        str(tmp_path / "out.safetensors"),
        [1.0],
        lora="dense",
        base=str(tmp_path / "base.safetensors"),
    )
    assert load_file(tmp_path / "out.safetensors")["q.weight"].tolist() == [[3.0, 6.0], [4.0, 8.0]]
