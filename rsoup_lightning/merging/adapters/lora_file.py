"""LoRA in one file, as diffusers and Kohya's scripts write it: updates of the parts of a pipeline.

Files are merged in the names they have. The names of modules in a network, by which a policy knows them, are found by
diffusers' own functions.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from rsoup_lightning.errors import MergeError, WeightsError
from rsoup_lightning.merging.adapters.adapter import PREFIX, Adapter, check_factors
from rsoup_lightning.merging.adapters.peft_config import CONFIG_NAME, check_config, setting
from rsoup_lightning.merging.disk.io import read_tensors, save_tensors
from rsoup_lightning.merging.lora import LoRAFactors
from rsoup_lightning.optional import need

IN_FOLDER = "pytorch_lora_weights.safetensors"  # diffusers' name
METADATA = "lora_adapter_metadata"  # where a file of diffusers keeps PEFT's settings of each part
STYLES = {
    "diffusers": (".lora_A.weight", ".lora_B.weight"),
    "Kohya": (".lora_down.weight", ".lora_up.weight"),
    "diffusers before 2024": (".down.weight", ".up.weight"),  # of modules whose names end in lora
}
NETWORKS = ("unet", "transformer")
CURE = "load it into its pipeline with diffusers' load_lora_weights, fuse_lora, and merge whole pipelines"


def lora_file(path: Path) -> Path | None:
    """The file of LoRA that ``path`` is, or that a folder of diffusers holds; None where there is none."""
    file = path / IN_FOLDER if path.is_dir() and not (path / CONFIG_NAME).is_file() else path
    if file.suffix != ".safetensors" or not file.is_file():
        return None
    try:
        with safe_open(file, "pt") as opened:
            keys = list(opened.keys())
    except (SafetensorError, OSError):
        return None if file == path else file  # whoever reads it says what is wrong
    return file if _style(keys) else None


def read_lora_file(file: Path) -> Adapter:
    """The adapter in a file; its modules have the names they have there.

    Raises:
        WeightsError: the file is damaged.
        MergeError: an adapter that is not plain LoRA, or not finite; names the cure.
    """
    tensors = read_tensors(file)
    style = _style(tensors)
    if style is None:
        raise WeightsError(f"{file} holds no LoRA update: none of its tensors is named *{STYLES['diffusers'][0]}")
    config = _metadata(file)
    down, up = STYLES[style]
    modules: dict[str, LoRAFactors] = {}
    for module in sorted({key.removesuffix(end) for key in tensors for end in (down, up) if key.endswith(end)}):
        for end in (down, up):
            if module + end not in tensors:
                raise WeightsError(f"{file} lacks {module + end!r}, the other half of {module!r}")
        A, B = tensors.pop(module + down), tensors.pop(module + up)
        check_factors(A, B, module, file)
        alpha = tensors.pop(f"{module}.alpha", None)
        if alpha is not None and alpha.numel() != 1:
            raise WeightsError(f"{file}: '{module}.alpha' is of shape {tuple(alpha.shape)}, and not one number")
        scaling = _scaling(config, module, len(A), file) if alpha is None else float(alpha) / len(A)
        if not (A.isfinite().all() and B.isfinite().all() and math.isfinite(scaling)):
            raise MergeError(f"{module!r} in {file} holds NaN or infinite weights: that training diverged")
        modules[module] = LoRAFactors(A, B, scaling)
    if tensors:
        raise MergeError(f"{min(tensors)!r} in {file} is not part of plain LoRA: {CURE}")
    return Adapter(config, modules, {}, style)


def write_lora_file(file: Path, adapter: Adapter) -> None:
    """Write ``adapter`` as diffusers reads it, its tensors in the names of the files it is made of."""
    down, up = STYLES[adapter.style]
    tensors: dict[str, Tensor] = {}
    header = {"format": "pt"}
    scaled = any(item.scaling != 1 for item in adapter.modules.values())  # one expert, as it was
    for module, item in adapter.modules.items():
        tensors |= {module + down: item.A, module + up: item.B}
        if adapter.style == "Kohya" or (scaled and not adapter.config):
            tensors[f"{module}.alpha"] = torch.tensor(item.scaling * item.rank)
    if scaled and adapter.style != "Kohya" and adapter.config:
        header[METADATA] = json.dumps(adapter.config)
    save_tensors(file, tensors, header)


def of_network(adapter: Adapter, label: str) -> Adapter:
    """An adapter of a file with the names that modules have in the network it was trained in.

    Raises:
        MergeError: it changes text encoders too, or has names that diffusers does not know.
        ConfigError: the names are not those of diffusers today, and diffusers is not installed.
    """
    if adapter.style != "diffusers":
        adapter = _renamed(adapter, label)
    modules = {}
    for module, item in adapter.modules.items():
        part, _, name = module.partition(".")
        if part not in NETWORKS:
            raise MergeError(f"{label} adapts {module!r}, and a policy trains none but the network: {CURE}")
        modules[name] = item
    return replace(adapter, modules=modules)


def _renamed(adapter: Adapter, label: str) -> Adapter:
    """With today's names of diffusers, and scaling 1."""
    diffusers = need("diffusers", "diffusers", "diffusion")
    down, up = STYLES[adapter.style]
    tensors: dict[str, Tensor] = {}
    for module, item in adapter.modules.items():
        tensors |= {module + down: item.A, module + up: item.B * item.scaling}
    try:
        if any("_double_blocks_" in name or "_single_blocks_" in name for name in tensors):
            found = diffusers.FluxPipeline.lora_state_dict(tensors)
        else:
            blocks = SimpleNamespace(
                layers_per_block=2
            )  # of Stable Diffusion XL, whose blocks Kohya counts in one list
            found, _ = diffusers.StableDiffusionXLPipeline.lora_state_dict(tensors, unet_config=blocks)
        found = need("diffusers.utils", "diffusers", "diffusion").convert_unet_state_dict_to_peft(found)
    except (ValueError, KeyError, IndexError) as error:
        raise MergeError(
            f"{label} has names of modules that diffusers does not know ({error!s:.100}): {CURE}"
        ) from None
    down, up = STYLES["diffusers"]
    names = [name.removesuffix(down) for name in found if name.endswith(down)]
    modules = {name: LoRAFactors(found[name + down], found[name + up], 1.0) for name in names}
    return replace(adapter, modules=modules, style="diffusers")


def _style(keys: Mapping[str, Any] | list[str]) -> str | None:
    """How the tensors of a file of LoRA are named; None where they are of something else."""
    for style, (_, up) in STYLES.items():
        if any("lora" in key and key.endswith(up) for key in keys):
            return None if any(key.startswith(PREFIX) for key in keys) else style  # PEFT keeps its settings elsewhere
    return None


def _metadata(file: Path) -> dict[str, Any]:
    """PEFT's settings of each part, where the file holds them."""
    with safe_open(file, "pt") as opened:
        raw = (opened.metadata() or {}).get(METADATA)
    try:
        return dict(json.loads(raw)) if raw else {}
    except (ValueError, TypeError) as error:
        raise WeightsError(f"the {METADATA} of {file} is damaged ({error}): save the adapter again") from None


def _scaling(config: Mapping[str, Any], module: str, rank: int, file: Path) -> float:
    """That of a module by PEFT's settings of its part; 1 where there are none, as diffusers takes it."""
    part, _, name = module.partition(".")
    own = {key.removeprefix(f"{part}."): value for key, value in config.items() if key.startswith(f"{part}.")}
    if not own:
        return 1.0
    own = check_config({"peft_type": "LORA", **own}, file)
    alpha = setting(own, "alpha_pattern", name, "lora_alpha")
    return float(alpha) / (math.sqrt(rank) if own.get("use_rslora") else rank)
