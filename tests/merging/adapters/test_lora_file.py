"""LoRA as diffusers and Kohya's scripts write it: merged in its own names, and read as experts of a policy."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import get_peft_model_state_dict
from safetensors.torch import load_file, save_file
from torch import Tensor

from rsoup_lightning.errors import MergeError, WeightsError
from rsoup_lightning.merging.adapters.lora_file import IN_FOLDER, lora_file, of_network, read_lora_file
from rsoup_lightning.merging.on_disk import merge
from rsoup_lightning.merging.policy_weights import read_experts
from rsoup_lightning.modalities.diffusion import DiffusionPolicy, PromptEnvironment
from rsoup_lightning.modalities.lora import LoRA
from tests.modalities.diffusion.families import pipeline
from tests.modalities.diffusion.tiny import Colours, stirred

Write = Callable[[DiffusionPolicy, Path], Path]
UNET, FLOW = "StableDiffusionPipeline", "StableDiffusion3Pipeline"


def policy(seed: int | None = None, kind: str = UNET, alpha: float = 8) -> DiffusionPolicy:
    torch.manual_seed(0)
    made = DiffusionPolicy(pipeline(kind), LoRA(rank=2, alpha=alpha), steps=3, guidance=2.0)
    return made if seed is None else stirred(made, seed)


def factors(made: DiffusionPolicy) -> dict[str, Tensor]:
    """By their names in the network, as PEFT has them without its prefix."""
    found = get_peft_model_state_dict(made.denoiser.network)
    return {name.removeprefix("base_model.model."): tensor for name, tensor in found.items()}


def by_diffusers(made: DiffusionPolicy, folder: Path) -> Path:
    """As training scripts of diffusers save it, with PEFT's settings in the header."""
    own = made.denoiser._family.pipeline
    settings = made.denoiser.network.peft_config["default"].to_dict()
    settings = {key: sorted(value) if isinstance(value, set) else value for key, value in settings.items()}
    name = made.denoiser._family.network
    own.save_lora_weights(folder, **{f"{name}_lora_layers": factors(made), f"{name}_lora_adapter_metadata": settings})
    return folder


def by_kohya(made: DiffusionPolicy, folder: Path) -> Path:
    """One file, whose names know no dots, with α beside the factors."""
    tensors: dict[str, Tensor] = {}
    for name, tensor in factors(made).items():
        module, _, half = name.removesuffix(".weight").rpartition(".lora_")
        flat = f"lora_unet_{module.replace('.', '_')}"
        tensors[f"{flat}.lora_{'down' if half == 'A' else 'up'}.weight"] = tensor.contiguous()
        tensors[f"{flat}.alpha"] = torch.tensor(8.0)
    folder.mkdir()
    save_file(tensors, folder / "style.safetensors")
    return folder / "style.safetensors"


def before_2024(made: DiffusionPolicy, folder: Path) -> Path:
    """As attention processors were saved: α was the rank."""
    tensors = {}
    for name, tensor in factors(made).items():
        module, _, half = name.removesuffix(".weight").rpartition(".lora_")
        block, _, layer = module.rpartition(".attn")
        number, _, own = layer.partition(".")
        old = f"unet.{block}.attn{number}.processor.{own.replace('out.0', 'out')}_lora"
        scaled = tensor if half == "A" else 4 * tensor
        tensors[f"{old}.{'down' if half == 'A' else 'up'}.weight"] = scaled.contiguous()
    folder.mkdir()
    save_file(tensors, folder / IN_FOLDER)
    return folder


WRITERS = pytest.mark.parametrize("write", [by_diffusers, by_kohya, before_2024])


def images(made: Any) -> Tensor:
    return PromptEnvironment(Colours()).evaluate(made, torch.arange(3))["images"]


def loaded(place: Path, kind: str = UNET) -> Tensor:
    """What diffusers draws with a file of LoRA."""
    made = pipeline(kind)
    made.load_lora_weights(
        str(place.parent if place.is_file() else place), weight_name=place.name if place.is_file() else None
    )
    made.fuse_lora()
    made.unload_lora_weights()
    return images(DiffusionPolicy(made, steps=3, guidance=2.0))


def souped(kind: str = UNET) -> Tensor:
    """What a soup of the two adapters draws."""
    soups = policy(kind=kind).soups([dict(policy(seed, kind).weights()) for seed in (3, 4)])
    assert soups is not None
    return images(soups([[0.25, 0.75]]))


@WRITERS
def test_diffusers_draws_with_the_merged_file_as_the_soup_does(write: Write, tmp_path: Path) -> None:
    places = [write(policy(seed), tmp_path / str(seed)) for seed in (3, 4)]
    assert torch.allclose(loaded(places[0]), images(policy(3)), atol=1e-4), "what is merged is what was written"
    merge(places, tmp_path / "soup", [0.25, 0.75])
    assert torch.allclose(loaded(tmp_path / "soup"), souped(), atol=1e-4)
    assert json.loads((tmp_path / "soup" / "merge.json").read_text())["coefficients"][str(places[1])] == 0.75


def test_files_are_merged_into_a_file(tmp_path: Path) -> None:
    places = [by_kohya(policy(seed), tmp_path / str(seed)) for seed in (3, 4)]
    merge(places, tmp_path / "soup.safetensors", [0.25, 0.75])
    merge(places, tmp_path / "soup", [0.25, 0.75])
    one, other = (load_file(tmp_path / name) for name in ("soup.safetensors", f"soup/{IN_FOLDER}"))
    assert one.keys() == other.keys() and all(torch.equal(one[name], tensor) for name, tensor in other.items())


def test_a_transformer_is_adapted_too(tmp_path: Path) -> None:
    places = [by_diffusers(policy(seed, FLOW), tmp_path / str(seed)) for seed in (3, 4)]
    merge(places, tmp_path / "soup", [0.25, 0.75])
    assert torch.allclose(loaded(tmp_path / "soup", FLOW), souped(FLOW), atol=1e-4)


@WRITERS
def test_a_one_hot_merge_is_that_expert_bit_for_bit(write: Write, tmp_path: Path) -> None:
    places = [write(policy(seed), tmp_path / str(seed)) for seed in (3, 4)]
    merge(places, tmp_path / "soup", [0, 1])
    file = lora_file(places[1])
    assert file is not None
    before, after = load_file(file), load_file(tmp_path / "soup" / IN_FOLDER)
    assert before.keys() == after.keys() and all(torch.equal(after[name], tensor) for name, tensor in before.items())
    assert torch.equal(loaded(tmp_path / "soup"), loaded(places[1]))


@WRITERS
def test_a_policy_reads_them_as_the_experts_they_are(write: Write, tmp_path: Path) -> None:
    expert = policy(3)
    made = policy(alpha=2)
    read = read_experts({"expert": write(expert, tmp_path / "a")}, made, made.weights())["expert"]
    made.load_weights(read)
    assert torch.allclose(images(made), images(expert), atol=1e-4)


def test_what_is_not_plain_lora_is_named_with_the_cure(tmp_path: Path) -> None:
    file = by_kohya(policy(3), tmp_path / "a")
    tensors = load_file(file)
    module = next(name for name in tensors if name.endswith(".lora_up.weight")).removesuffix(".lora_up.weight")
    changes: list[tuple[dict[str, Tensor | None], type[Exception], str]] = [
        ({f"{module}.dora_scale": torch.ones(3)}, MergeError, r"dora_scale' in .* is not part of plain LoRA: load it"),
        ({f"{module}.lora_mid.weight": torch.ones(3)}, MergeError, "lora_mid.weight' in .* is not part of plain LoRA"),
        ({f"{module}.lora_up.weight": None}, WeightsError, "lacks .*the other half of"),
        ({f"{module}.lora_up.weight": torch.ones(5, 3)}, WeightsError, r"A is \(2, \d+\) and B \(5, 3\)"),
        ({f"{module}.alpha": torch.tensor(float("nan"))}, MergeError, "holds NaN"),
    ]
    for change, error, words in changes:
        save_file({name: tensor for name, tensor in (tensors | change).items() if tensor is not None}, file)
        with pytest.raises(error, match=words):
            read_lora_file(file)


def test_experts_of_two_forms_are_refused(tmp_path: Path) -> None:
    places = [by_diffusers(policy(3), tmp_path / "3"), by_kohya(policy(4), tmp_path / "4")]
    with pytest.raises(MergeError, match=r"as diffusers writes it, .* as Kohya: save both in one way"):
        merge(places, tmp_path / "soup", [0.5, 0.5])
    with pytest.raises(MergeError, match=r"--lora dense folds folders of PEFT, and .* fuse_lora"):
        merge(places[:1], tmp_path / "soup", [1], lora="dense", base=str(tmp_path))
    assert not (tmp_path / "soup").exists()


def test_text_encoders_are_merged_but_no_policy_trains_them(tmp_path: Path) -> None:
    place = by_diffusers(policy(3), tmp_path / "a")
    tensors = load_file(place / IN_FOLDER)
    own = {f"text_encoder.text_model.encoder.layers.0.mlp.fc1.lora_{half}.weight": torch.ones(2, 2) for half in "AB"}
    save_file(tensors | own, place / IN_FOLDER)
    made = policy()
    with pytest.raises(MergeError, match=r"adapts 'text_encoder.*and a policy trains none but the network"):
        read_experts({"expert": place}, made, made.weights())
    merge([place], tmp_path / "soup", [1])
    assert load_file(tmp_path / "soup" / IN_FOLDER).keys() == tensors.keys() | own.keys()


def test_kohya_counts_the_blocks_of_flux_and_xl_in_its_own_way(tmp_path: Path) -> None:
    flux = {"double_blocks_0_img_attn_proj": ["transformer_blocks.0.attn.to_out.0"]}
    flux["double_blocks_1_img_attn_qkv"] = [f"transformer_blocks.1.attn.to_{name}" for name in "qkv"]
    xl = {
        "output_blocks_2_1_transformer_blocks_0_attn1_to_q": [
            "up_blocks.0.attentions.2.transformer_blocks.0.attn1.to_q"
        ]
    }
    for names in (flux, xl):
        tensors = {}
        for name in names:
            tensors[f"lora_unet_{name}.lora_down.weight"] = torch.randn(2, 6)
            tensors[f"lora_unet_{name}.lora_up.weight"] = torch.randn(6, 2)
            tensors[f"lora_unet_{name}.alpha"] = torch.tensor(1.0)
        save_file(tensors, tmp_path / "a.safetensors")
        found = of_network(read_lora_file(tmp_path / "a.safetensors"), "a").modules
        assert set(found) == {name for listed in names.values() for name in listed}
        for name, listed in names.items():
            update = torch.cat([found[own].scaling * found[own].B @ found[own].A for own in listed])
            down, up = (tensors[f"lora_unet_{name}.lora_{half}.weight"] for half in ("down", "up"))
            assert torch.allclose(update, 0.5 * up @ down, atol=1e-6)


def test_other_files_are_none(tmp_path: Path) -> None:
    save_file({"mlp.down.weight": torch.ones(2), "mlp.up.weight": torch.ones(2)}, tmp_path / "model.safetensors")
    assert lora_file(tmp_path / "model.safetensors") is None
    assert lora_file(tmp_path) is None and lora_file(tmp_path / "absent.safetensors") is None
    (tmp_path / IN_FOLDER).write_bytes(b"cut off")
    with pytest.raises(WeightsError, match="not a whole safetensors file"):
        merge([tmp_path], tmp_path / "soup", [1])


def test_a_scaling_that_is_no_number(tmp_path: Path) -> None:
    factors = {"lora_unet_q.lora_down.weight": torch.ones(2, 3), "lora_unet_q.lora_up.weight": torch.ones(4, 2)}
    save_file({**factors, "lora_unet_q.alpha": torch.ones(2)}, tmp_path / "a.safetensors")
    with pytest.raises(WeightsError, match=r"a\.safetensors: 'lora_unet_q\.alpha' is of shape \(2,\)"):
        read_lora_file(tmp_path / "a.safetensors")
