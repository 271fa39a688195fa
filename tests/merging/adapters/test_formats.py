"""Which form an adapter has."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from rsoup_lightning.errors import WeightsError
from rsoup_lightning.merging.adapters.adapter import WEIGHTS_NAME, Adapter
from rsoup_lightning.merging.adapters.formats import adapter_at, is_adapter, write_in_form
from rsoup_lightning.merging.adapters.lora_file import IN_FOLDER
from rsoup_lightning.merging.lora import LoRAFactors

UPDATE = {"unet.q": LoRAFactors(torch.randn(2, 3), torch.randn(4, 2), 1.0)}
PEFT = {"peft_type": "LORA", "r": 2, "lora_alpha": 2, "target_modules": ["q"]}


@pytest.mark.parametrize(
    ("config", "style", "name"),
    [(PEFT, "PEFT", WEIGHTS_NAME), ({}, "diffusers", IN_FOLDER), ({}, "Kohya", IN_FOLDER)],
)
def test_an_adapter_is_written_in_its_own_form(
    config: dict[str, object], style: str, name: str, tmp_path: Path
) -> None:
    write_in_form(tmp_path, Adapter(config, UPDATE, {}, style))
    assert (tmp_path / name).is_file() and is_adapter(tmp_path)
    again = adapter_at(tmp_path)
    assert again.style == style and torch.equal(again.modules["unet.q"].B, UPDATE["unet.q"].B)


def test_what_is_none(tmp_path: Path) -> None:
    assert not is_adapter(tmp_path)
    save_file({"weight": torch.ones(2)}, tmp_path / "model.safetensors")
    assert not is_adapter(tmp_path / "model.safetensors")
    with pytest.raises(WeightsError, match="expected a folder that PEFT"):
        adapter_at(tmp_path)
