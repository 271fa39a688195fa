"""Adapters that are read, and those that are refused by name."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from rsoup_lightning.errors import MergeError, WeightsError
from rsoup_lightning.merging.adapters.adapter import read_adapter
from tests.merging.adapters.experts import PLAIN, saved_expert

Q = "base_model.model.model.layers.0.self_attn.q_proj."


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"use_dora": True}, MergeError, "'use_dora'.*merge_and_unload"),
        ({"megatron_config": {"params_dtype": "float32"}}, MergeError, "'megatron_config'.*merge_and_unload"),
        ({"lora_bias": True}, MergeError, "'lora_bias'"),
        ({"target_parameters": ["w"]}, MergeError, "'target_parameters'"),
        ({"peft_type": "IA3"}, MergeError, "'IA3'"),
        ({"init_lora_weights": "pissa_niter_4"}, MergeError, "'pissa_niter_4'.*path_initial_model_for_weight"),
        ({"init_lora_weights": "olora"}, MergeError, "'olora'"),
        ({"r": None}, WeightsError, "'r'"),
        ({"r": True}, WeightsError, "'r'"),
        ({"lora_alpha": "8"}, WeightsError, "'lora_alpha'"),
        ({"lora_dropout": float("nan")}, WeightsError, "not a whole JSON object"),
        ({"rank_pattern": {"(": 4}}, WeightsError, "rank_pattern is not a mapping of regular expressions to numbers"),
        ({"rank_pattern": [4]}, WeightsError, "rank_pattern is not a mapping"),
        ({"alpha_pattern": {"q_proj": "8"}}, WeightsError, "alpha_pattern is not a mapping"),
        ({"target_modules": {"q_proj": 1}}, WeightsError, "target_modules is neither a name nor a list"),
        ({"target_modules": ["v_proj"]}, WeightsError, r"adapts '.*q_proj', and .* says that it does not"),
        ({"target_modules": None}, WeightsError, "says that it does not"),
        ({"target_modules": "q_proj("}, WeightsError, "says that it does not"),
        ({"init_lora_weights": "none"}, WeightsError, "init_lora_weights is 'none', which is none of"),
        ({"task_type": "CAUSAL"}, WeightsError, "task_type is 'CAUSAL', which is none of"),
        ({"corda_config": "x"}, WeightsError, "corda_config is not a mapping"),
        ({"kasa_config": {}}, MergeError, "'kasa_config'"),
        ({"lora_dropout": 2**70}, WeightsError, "lora_dropout is not a number from 0 to 1"),
        ({"exclude_modules": [1]}, WeightsError, "exclude_modules is neither a name nor a list"),
        ({"layers_to_transform": ["1"]}, WeightsError, "layers_to_transform is neither"),
        ({"layers_pattern": "layers"}, WeightsError, "layers_pattern without layers_to_transform"),
        ({"alpha_pattern": ""}, WeightsError, "alpha_pattern is not a mapping"),
        ({"r": 8}, WeightsError, r"q_proj' has rank 8 by .*A is \(4, 32\)"),
    ],
)
def test_refused_configurations(tmp_path: Path, change: dict[str, Any], error: type[Exception], message: str) -> None:
    file = saved_expert(tmp_path, 0, **PLAIN) / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(error, match=message) as caught:
        read_adapter(tmp_path)
    assert str(file) in str(caught.value)


@pytest.mark.parametrize(
    ("edit", "error", "message"),
    [
        (lambda tensors: tensors.pop(Q + "lora_B.weight"), WeightsError, "lacks .*q_proj.lora_B.weight"),
        (lambda tensors: tensors.update({Q + "lora_magnitude_vector": torch.ones(1)}), MergeError, "magnitude_vector"),
        (
            lambda tensors: tensors.update({Q + "hada_w1_a": torch.ones(2, 2)}),
            MergeError,
            "hada_w1_a.*not part of plain",
        ),
        (lambda tensors: tensors.update({Q + "lora_A.weight": torch.ones(0)}), WeightsError, "q_proj.*shards"),
        (lambda tensors: tensors.update({Q + "lora_B.weight": torch.ones(32, 4, 1)}), WeightsError, "q_proj.*shards"),
        (lambda tensors: tensors.update({Q + "lora_A.weight": torch.ones(4, 32).long()}), MergeError, "not floating"),
        (lambda tensors: tensors[Q + "lora_B.weight"].fill_(torch.nan), MergeError, "lora_B.* training diverged"),
        (lambda tensors: tensors.update(bare=torch.ones(1)), WeightsError, "'bare'"),
        (lambda tensors: [tensors.pop(key) for key in list(tensors)], WeightsError, "holds no LoRA update"),
    ],
)
def test_refused_weights(
    tmp_path: Path, edit: Callable[[dict[str, Tensor]], object], error: type[Exception], message: str
) -> None:
    file = saved_expert(tmp_path, 0, **PLAIN) / "adapter_model.safetensors"
    tensors = load_file(file)
    edit(tensors)
    save_file(tensors, file)
    with pytest.raises(error, match=message) as caught:
        read_adapter(tmp_path)
    assert str(file) in str(caught.value)


def test_files_that_are_no_adapter(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"no .*adapter_config\.json"):
        read_adapter(tmp_path)
    file = saved_expert(tmp_path, 0, **PLAIN) / "adapter_model.safetensors"
    file.write_bytes(file.read_bytes()[:500])
    with pytest.raises(WeightsError, match=r"adapter_model\.safetensors is not a whole"):
        read_adapter(tmp_path)
    file.unlink()
    with pytest.raises(WeightsError, match=r"no adapter_model\.safetensors and no adapter_model\.bin in"):
        read_adapter(tmp_path)
    (tmp_path / "adapter_config.json").write_text('{"r": ')
    with pytest.raises(WeightsError, match=r"adapter_config\.json is not a whole JSON"):
        read_adapter(tmp_path)
    (tmp_path / "adapter_config.json").write_text("[]")
    with pytest.raises(WeightsError, match=r"is not a whole JSON object .no JSON object but a list"):
        read_adapter(tmp_path)


def _pickled(folder: Path) -> Path:
    """The same adapter as PEFT wrote it until 2023."""
    torch.save(load_file(folder / "adapter_model.safetensors"), folder / "adapter_model.bin")
    (folder / "adapter_model.safetensors").unlink()
    return folder


def test_pickled_weights_of_older_versions(tmp_path: Path) -> None:
    folder = saved_expert(tmp_path / "a", 0, **PLAIN)
    wanted = read_adapter(folder)
    adapter = read_adapter(_pickled(folder))
    assert adapter.modules.keys() == wanted.modules.keys()
    for module, item in adapter.modules.items():
        assert torch.equal(item.A, wanted.modules[module].A)
        assert torch.equal(item.B, wanted.modules[module].B)


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (print, ("code ran",))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (pickle.dumps(Bomb()), "could run code"),
        (pickle.dumps({}), "not a whole|could run code"),
        (b"", "not a whole"),
        (b"garbage", "not a whole|could run code"),
    ],
)
def test_pickles_run_no_code(tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, message: str) -> None:
    folder = _pickled(saved_expert(tmp_path / "a", 0, **PLAIN))
    (folder / "adapter_model.bin").write_bytes(content)
    with pytest.raises(WeightsError, match=rf"adapter_model\.bin .*({message})"):
        read_adapter(folder)
    for held in ({"a": Bomb()}, [torch.zeros(1)], {"a": 1}, {"a": torch.zeros(2).to_sparse()}):
        torch.save(held, folder / "adapter_model.bin")
        with pytest.raises(WeightsError, match=r"adapter_model\.bin ?(needs arbitrary|holds|: 'a' is sparse)"):
            read_adapter(folder)
    assert "code ran" not in capsys.readouterr().out
