"""Configurations that change what weights compute are refused; what changes nothing is not."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from rsoup_lightning.errors import MergeError
from rsoup_lightning.merging.on_disk import merge

LLAMA = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 8, "num_attention_heads": 4}
FOREIGN = {"model_type": "of somebody", "architectures": ["Own"]}


def _folder(folder: Path, config: Any, file: str = "config.json") -> str:
    (folder / file).parent.mkdir(parents=True)
    save_file({"w": torch.zeros(2)}, (folder / file).parent / "model.safetensors")
    (folder / file).write_text(json.dumps(config))
    return str(folder)


def _merge(tmp_path: Path, one: Any, two: Any, file: str = "config.json") -> None:
    merge([_folder(tmp_path / "a", one, file), _folder(tmp_path / "b", two, file)], str(tmp_path / "out"), [0.5, 0.5])


@pytest.mark.parametrize(
    ("base", "setting", "ours", "theirs"),
    [
        (LLAMA, "rms_norm_eps", 1e-6, 1e-5),
        (LLAMA, "num_attention_heads", 4, 8),
        (LLAMA, "num_key_value_heads", 2, 4),
        (LLAMA, "hidden_act", "silu", "gelu"),
        (LLAMA, "tie_word_embeddings", True, False),
        (LLAMA, "max_position_embeddings", 2048, 4096),
        (LLAMA, "quantization_config", {"quant_method": "fp8"}, None),
        ({**LLAMA, "model_type": "mistral"}, "sliding_window", None, 64),
        (FOREIGN, "model_type", "of somebody", "llama"),
        (FOREIGN, "rope_theta", 1e4, 5e5),
        (FOREIGN, "id2label", {"0": "good", "1": "bad"}, {"0": "bad", "1": "good"}),
        ({**FOREIGN, "architectures": None}, "architectures", ["BertForTokenClassification"], ["BertForX"]),
        ({**LLAMA, "architectures": ["LlamaForSequenceClassification"]}, "pad_token_id", 0, 1),
    ],
)
def test_what_matters_is_refused_with_both_values(
    tmp_path: Path, base: dict[str, Any], setting: str, ours: Any, theirs: Any
) -> None:
    inside = f"{setting}.0" if setting == "id2label" else setting
    values = (ours["0"], theirs["0"]) if setting == "id2label" else (ours, theirs)
    with pytest.raises(MergeError, match=re.escape(f"{inside} is {values[0]!r} and {values[1]!r}")):
        _merge(tmp_path, {**base, setting: ours}, {**base, setting: theirs})
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("setting", "ours", "theirs"),
    [
        ("_name_or_path", "a", "b"),
        ("transformers_version", "4.40.0", "5.0.0"),
        ("torch_dtype", "float32", "bfloat16"),
        ("use_cache", True, False),
        ("attention_dropout", 0.0, 0.1),
        ("resid_pdrop", 0.0, 0.1),
        ("initializer_range", 0.1, 0.02),
        ("eos_token_id", 2, [2, 3]),
        ("temperature", 0.6, 1.0),
        ("pad_token_id", None, 2),
        ("vocab_size", 10, 12),
    ],
)
def test_what_changes_nothing_is_merged(tmp_path: Path, setting: str, ours: Any, theirs: Any) -> None:
    foreign = {**FOREIGN, "architectures": ["OwnForCausalLM"]}  # without a class, nothing but the rules tells
    nested = [{**foreign, setting: value, "text_config": {setting: value}} for value in (ours, theirs)]
    _merge(tmp_path, *nested)
    assert json.loads((tmp_path / "out/config.json").read_text()) == nested[0]


@pytest.mark.parametrize("setting", ["token_dropout", "moe_token_dropout", "decoder_start_token_id", "eos_token_id"])
def test_what_only_sounds_as_if_it_changed_nothing(tmp_path: Path, setting: str) -> None:
    with pytest.raises(MergeError, match=f"{setting} is 1 and 2"):
        _merge(tmp_path, {**FOREIGN, setting: 1}, {**FOREIGN, setting: 2})


def test_what_is_not_set_has_the_default_of_its_class(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    _merge(tmp_path, LLAMA, {**LLAMA, "rms_norm_eps": 1e-6, "attention_bias": False, "mlp_bias": False})


@pytest.mark.parametrize(("theirs", "fits"), [(4096, True), (None, False)])
def test_null_is_not_the_default(tmp_path: Path, theirs: int | None, fits: bool) -> None:
    pytest.importorskip("transformers")
    mistral = {**LLAMA, "model_type": "mistral", "architectures": ["MistralForCausalLM"]}
    pair = mistral, {**mistral, "sliding_window": theirs}
    if fits:
        _merge(tmp_path, *pair)
    else:
        with pytest.raises(MergeError, match="sliding_window is 4096 and None"):
            _merge(tmp_path, *pair)


def test_what_is_not_set_differs_where_there_is_no_class(tmp_path: Path) -> None:
    with pytest.raises(MergeError, match=r"a and .*b are not of one kind.* depth is not set and 3 \(where you know"):
        _merge(tmp_path, FOREIGN, {**FOREIGN, "depth": 3})


@pytest.mark.parametrize(("theta", "fits"), [(5e5, True), (1e4, False)])
def test_what_older_versions_called_otherwise(tmp_path: Path, theta: float, fits: bool) -> None:
    pytest.importorskip("transformers")
    now = {**LLAMA, "rope_parameters": {"rope_theta": 5e5, "rope_type": "default"}}
    before = {**LLAMA, "rope_theta": theta, "rope_scaling": None}
    if fits:
        _merge(tmp_path, now, before)
    else:
        with pytest.raises(MergeError, match=r"rope_parameters\.rope_theta is 500000\.0 and 10000\.0"):
            _merge(tmp_path, now, before)


def test_parts_of_models_of_several(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    parts = [{"model_type": "llava", "text_config": {**LLAMA, "rope_theta": theta}} for theta in (1e4, 5e5)]
    with pytest.raises(MergeError, match=r"text_config\.rope_parameters\.rope_theta is 10000\.0 and 500000\.0"):
        _merge(tmp_path, *parts)


def test_many_differences_are_counted(tmp_path: Path) -> None:
    with pytest.raises(MergeError, match=r"a0 is 1 and 2, .*a7 is 1 and 2, and 2 more \("):
        _merge(tmp_path, *({**FOREIGN, **{f"a{i}": value for i in range(10)}} for value in (1, 2)))


@pytest.mark.parametrize(
    ("file", "one", "two"),
    [
        ("unet/config.json", {"_class_name": "UNet2DModel", "norm_eps": 1e-5}, {"norm_eps": 1e-6}),
        ("unet/config.json", {"_class_name": "UNet2DModel"}, {"norm_eps": 1e-6}),
        ("scheduler/scheduler_config.json", {"prediction_type": "epsilon"}, {"prediction_type": "v_prediction"}),
        ("feature_extractor/preprocessor_config.json", {"image_mean": [0.5]}, {"image_mean": [0.4]}),
        ("model_index.json", {"scheduler": ["diffusers", "DDIMScheduler"]}, {"scheduler": ["diffusers", "X"]}),
    ],
)
def test_parts_of_pipelines(tmp_path: Path, file: str, one: dict[str, Any], two: dict[str, Any]) -> None:
    for name, content in (("a", one), ("b", {**one, **two})):
        (tmp_path / name / file).parent.mkdir(parents=True)
        (tmp_path / name / "model_index.json").write_text("{}")
        (tmp_path / name / file).write_text(json.dumps(content))
        save_file({"w": torch.zeros(2)}, tmp_path / name / "model.safetensors")
    with pytest.raises(MergeError, match=f"by their {file}: {next(iter(two))} is "):
        merge([str(tmp_path / "a"), str(tmp_path / "b")], str(tmp_path / "out"), [0.5, 0.5])


def test_defaults_of_diffusers(tmp_path: Path) -> None:
    pytest.importorskip("diffusers")
    unet = {"_class_name": "UNet2DModel", "_diffusers_version": "0.30.0", "down_block_types": ["DownBlock2D"] * 4}
    more = {"norm_eps": 1e-5, "_diffusers_version": "0.35.0", "block_out_channels": [224, 448, 672, 896]}
    _merge(tmp_path, unet, {**unet, **more})


def test_the_init_is_of_their_kind_too(tmp_path: Path) -> None:
    experts = [_folder(tmp_path / name, LLAMA) for name in "ab"]
    init = _folder(tmp_path / "init", {**LLAMA, "rms_norm_eps": 0.5})
    with pytest.raises(MergeError, match=r"a and .*init are not of one kind by their config\.json: rms_norm_eps"):
        merge(experts, str(tmp_path / "out"), [0.5, 0.5], method="task_arithmetic", init=init)
