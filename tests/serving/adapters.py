"""Adapters of PEFT's format, of a layer that nobody has."""

from __future__ import annotations

from pathlib import Path

import torch

from rsoup_lightning.merging.adapters.adapter import Adapter, write_adapter
from rsoup_lightning.merging.lora import LoRAFactors


def adapter(folder: Path, rank: int, seed: int) -> Path:
    """One of the module ``layer.q_proj``, 6 to 5 wide."""
    draw = torch.Generator().manual_seed(seed)
    factors = LoRAFactors(torch.randn(rank, 6, generator=draw), torch.randn(5, rank, generator=draw), 2.0)
    config = {"peft_type": "LORA", "r": rank, "lora_alpha": 2 * rank, "target_modules": ["q_proj"]}
    folder.mkdir(parents=True)
    write_adapter(folder, Adapter(config, {"layer.q_proj": factors}, {}))
    return folder
