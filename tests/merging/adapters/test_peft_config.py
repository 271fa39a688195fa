from __future__ import annotations

import json
from pathlib import Path

import pytest
from peft import LoraConfig, get_peft_model
from torch import nn

from rsoup_lightning.errors import MergeError
from rsoup_lightning.merging.adapters.peft_config import adapts, merged_config, read_config, setting

MODULES = ("encoder.query", "encoder.key", "query_norm", "head")


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.ModuleDict({"query": nn.Linear(2, 2), "key": nn.Linear(2, 2)})
        self.query_norm, self.head = nn.Linear(2, 2), nn.Linear(2, 2)


@pytest.mark.parametrize("targets", [["query"], ["query", "head"], ["encoder.key"], r".*\.(query|key)", "head"])
def test_the_modules_that_peft_adapts(targets: str | list[str]) -> None:
    config = LoraConfig(target_modules=targets)
    wrapped = get_peft_model(Net(), config).base_model.model
    peft = {name for name in MODULES if hasattr(wrapped.get_submodule(name), "lora_A")}
    assert {name for name in MODULES if adapts({"target_modules": targets}, name)} == peft


def test_a_modules_own_setting_is_that_of_the_first_pattern() -> None:
    config = {"r": 8, "rank_pattern": {"key": 4, r"encoder\.\w+": 2}}
    ranks = [setting(config, "rank_pattern", name, "r") for name in MODULES]
    assert ranks == [2, 4, 8, 8]


def test_targets_of_a_soup_cover_all_experts() -> None:
    one, two = ({"r": 2, "target_modules": [name], "rank_pattern": {name: 1}} for name in ("key", "query"))
    merged = merged_config([one, two], ["encoder.key", "encoder.query"], 4)
    assert merged["target_modules"] == ["key", "query"]
    assert (merged["r"], merged["lora_alpha"], merged["rank_pattern"]) == (4, 4, {})
    mixed = merged_config([one, {**two, "target_modules": "all-linear"}], ["encoder.key"], 4)
    assert mixed["target_modules"] == ["encoder.key"]


class Deep(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        layers = [nn.ModuleDict({"query": nn.Linear(2, 2), "key": nn.Linear(2, 2)}) for _ in range(3)]
        layers[0]["experts"] = nn.ModuleList([nn.ModuleDict({"key": nn.Linear(2, 2)}) for _ in range(3)])
        self.model = nn.ModuleDict({"layers": nn.ModuleList(layers), "heads": nn.ModuleList([nn.Linear(2, 2)])})
        self.query = nn.Linear(2, 2)


@pytest.mark.parametrize(
    "settings",
    [
        {"layers_to_transform": 1},
        {"layers_to_transform": [0, 2]},
        {"layers_to_transform": []},
        {"layers_to_transform": [1], "layers_pattern": "layers"},
        {"layers_to_transform": [1], "layers_pattern": ["blocks", "layers"]},
        {"exclude_modules": ["key"]},
        {"exclude_modules": r".*layers\.1\..*"},
    ],
    ids=str,
)
def test_the_layers_that_peft_adapts(settings: dict[str, object]) -> None:
    targets = ["query", "key", "model.layers.2.key"]
    wrapped = get_peft_model(Deep(), LoraConfig(target_modules=targets, **settings)).base_model.model  # type: ignore[arg-type]
    names = [name for name, module in Deep().named_modules() if isinstance(module, nn.Linear)]
    peft = {name for name in names if hasattr(wrapped.get_submodule(name), "lora_A")}
    assert {name for name in names if adapts({"target_modules": targets, **settings}, name)} == peft


@pytest.mark.parametrize("layers", [-1, [7], [0, -2]])
def test_layers_that_are_not_there(layers: object) -> None:
    config = {"target_modules": ["query"], "layers_to_transform": layers}
    assert not adapts(config, "model.layers.1.query")
    assert not adapts({**config, "layers_to_transform": [1], "layers_pattern": "(layers"}, "model.layers.1.query")


def test_an_empty_list_sets_nothing(tmp_path: Path) -> None:
    """PEFT writes one for each mixture of experts."""
    file, config = tmp_path / "adapter_config.json", {"peft_type": "LORA", "r": 2, "lora_alpha": 2}
    file.write_text(json.dumps({**config, "target_parameters": []}))
    assert read_config(file)["r"] == 2
    file.write_text(json.dumps({**config, "target_parameters": ["mlp.experts.down_proj"]}))
    with pytest.raises(MergeError, match="sets 'target_parameters'"):
        read_config(file)
