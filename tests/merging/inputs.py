"""Every kind of input of ``rsoup merge`` by the real classes: how it is merged, and what other readers see in it."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from rsoup_lightning.merging.on_disk import merge

peft = pytest.importorskip("peft")
transformers = pytest.importorskip("transformers")
pytest.importorskip("diffusers")

SHARES = (0.25, 0.75)


@dataclass(frozen=True)
class Input:
    """A kind of input.

    Attributes:
        make: writes what expert 0 or 1 is, of a variant, to a path and gives the path, whose suffix it may choose.
        variants: how many there are.
        paths: how many are merged.
        run: merges; gets the experts, the output and a source of chance.
        expected: what an independent reader makes of the experts.
        written: what one makes of the output.
    """

    make: Callable[[Path, int, int], Path]
    variants: int
    paths: int
    run: Callable[[list[str], Path, Random], Path]
    expected: Callable[[list[Path]], Mapping[str, Tensor]]
    written: Callable[[Path], Mapping[str, Tensor]]


class Net(nn.Module):
    """Floating numbers of three dtypes, integers, a counter and a tensor without elements."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.first, self.norm = nn.Linear(5, 4), nn.BatchNorm1d(4)
        self.half = nn.Linear(4, 4).bfloat16()
        self.register_buffer("order", torch.arange(4))
        self.register_buffer("none", torch.empty(0, 3))
        self.register_buffer("wide", torch.randn(3, dtype=torch.float64))


# Independent readers.


def read(path: Path) -> dict[str, Tensor]:
    if path.is_dir():
        return read_folder(path)
    if path.suffix == ".safetensors":
        return load_file(path)
    source: Any = path
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            source = io.BytesIO(archive.read("policy.pth"))
    held = torch.load(source, map_location="cpu", weights_only=True)
    return dict(next((held[key] for key in ("state_dict", "model") if key in held), held))


def read_folder(root: Path) -> dict[str, Tensor]:
    """As transformers and diffusers do: what an index names, or the only file."""
    found: dict[str, Tensor] = {}
    for folder in (root, *(path for path in sorted(root.iterdir()) if path.is_dir())):
        indexes = sorted([*folder.glob("*.safetensors.index.json"), *folder.glob("*.bin.index.json")])
        files = sorted([*folder.glob("*.safetensors"), *folder.glob("*.bin")])
        if indexes:
            where = json.loads(indexes[0].read_text())["weight_map"]
            held = {name: read(folder / shard)[name] for name, shard in where.items()}
        else:
            held = read(files[0]) if files else {}
        found |= {(name if folder == root else f"{folder.name}/{name}"): tensor for name, tensor in held.items()}
    return found


def interpolated(experts: list[Path]) -> dict[str, Tensor]:
    first, second = (read(path) for path in experts)
    if first.keys() != second.keys():
        raise ValueError("experts with different tensors were merged")
    return {name: mixed(tensor, second[name], name) for name, tensor in first.items()}


def interpolated_by_token(experts: list[Path]) -> dict[str, Tensor]:
    """Embeddings row by row: a tokenizer that gives two tokens each other's number has numbered them otherwise."""
    if not all((path / "tokenizer.json").is_file() for path in experts):
        return interpolated(experts)
    first, second = (numbers(path) for path in experts)
    places = torch.arange(1 + max(first.values()))
    for token, number in first.items():
        places[number] = second[token]
    result = interpolated(experts)
    weights = [read(path) for path in experts]
    for name in result.keys() & {"model.embed_tokens.weight", "lm_head.weight"}:
        rows = weights[1][name].clone()
        rows[: len(places)] = weights[1][name][places]
        result[name] = mixed(weights[0][name], rows)
    return result


def numbers(folder: Path) -> dict[str, int]:
    """Of the tokens of a tokenizer."""
    content = json.loads((folder / "tokenizer.json").read_text())
    return {**content["model"]["vocab"], **{token["content"]: token["id"] for token in content["added_tokens"]}}


def mixed(one: Tensor, other: Tensor, name: str = "") -> Tensor:
    if not one.is_floating_point():
        return torch.maximum(one, other) if name.endswith("num_batches_tracked") else one
    return (SHARES[0] * one.double() + SHARES[1] * other.double()).to(one.dtype)


def updates(adapter: Path) -> dict[str, Tensor]:
    """ΔW of each module, by PEFT itself."""
    model = peft.PeftModel.from_pretrained(transformers.LlamaForCausalLM(CONFIG), adapter)
    layers = {name: layer for name, layer in model.named_modules() if isinstance(layer, peft.tuners.lora.LoraLayer)}
    return {
        name: layer.get_delta_weight("default")
        for name, layer in layers.items()
        if layer.lora_A or layer.lora_embedding_A
    }


def averaged_updates(experts: list[Path]) -> dict[str, Tensor]:
    first, second = map(updates, experts)
    zero = torch.zeros(())
    return {name: mixed(first.get(name, zero), second.get(name, zero)) for name in first.keys() | second.keys()}


def folded(paths: list[Path]) -> dict[str, Tensor]:
    *experts, base = paths
    whole = read(base)
    for name, update in averaged_updates(experts).items():
        key = f"{name.removeprefix('base_model.model.')}.weight"
        if key.endswith("embed_tokens.weight"):
            whole.setdefault("lm_head.weight", whole[key])
        whole[key] = whole[key] + update
    return whole


# What is made and how it is merged.

CONFIG = transformers.LlamaConfig(
    hidden_size=16, intermediate_size=24, num_hidden_layers=1, num_attention_heads=2, vocab_size=258,
    tie_word_embeddings=True,
)  # fmt: skip


def llama(seed: int) -> Any:
    torch.manual_seed(seed)
    return transformers.LlamaForCausalLM(CONFIG)


def make_file(path: Path, seed: int, variant: int) -> Path:
    save_file(Net(seed).state_dict(), path.with_suffix(".safetensors"), {"format": "pt"})
    return path.with_suffix(".safetensors")


def make_checkpoint(path: Path, seed: int, variant: int) -> Path:
    state = Net(seed).state_dict()
    suffix = (".ckpt", ".pt", ".bin", ".zip")[variant]
    file = path.with_suffix(suffix)
    if suffix == ".ckpt":
        lightning = {"pytorch-lightning_version": "2.6", "epoch": 3, "hyper_parameters": {"lr": 0.1, "sizes": [5, 4]}}
        torch.save({"state_dict": state, **lightning, "optimizer_states": [{"state": {0: torch.ones(3)}}]}, file)
    elif suffix == ".zip":
        policy = io.BytesIO()
        torch.save(state, policy)
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("data", json.dumps({"policy_class": {":type:": "x"}}))
            archive.writestr("policy.pth", policy.getvalue())
            archive.writestr("policy.optimizer.pth", b"its state")
            archive.writestr("_stable_baselines3_version", "2.7.0")
    else:
        torch.save(state, file, _use_new_zipfile_serialization=suffix == ".pt")
    return file


def make_folder(path: Path, seed: int, variant: int) -> Path:
    """Of transformers, in shards: of safetensors, or of torch as until 2023."""
    from tests.modalities.language.tiny import tokenizer

    model = llama(seed)
    model.save_pretrained(path, max_shard_size="5KB")
    tokenizer().save_pretrained(path)
    if variant:
        for file in path.glob("*.safetensors"):
            torch.save(load_file(file), path / f"pytorch_{file.stem}.bin")
            file.unlink()
        index = path / "model.safetensors.index.json"
        content = index.read_text().replace("model-", "pytorch_model-").replace(".safetensors", ".bin")
        (path / "pytorch_model.bin.index.json").write_text(content)
        index.unlink()
    return path


def make_pipeline(path: Path, seed: int, variant: int) -> Path:
    from tests.modalities.diffusion.tiny import parts, saved

    saved(path, **parts(seed))
    return path


def make_adapter(path: Path, seed: int, variant: int) -> Path:
    settings = {"r": 2, "target_modules": ["q_proj", "embed_tokens"], "rank_pattern": {"q_proj": 3}, "lora_alpha": 6}
    model = peft.get_peft_model(llama(9), peft.LoraConfig(**settings, init_lora_weights=False))
    torch.manual_seed(seed)
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            parameter.data = torch.randn_like(parameter)
    model.save_pretrained(path, save_embedding_layers=False)
    (path / "tokenizer_config.json").write_text('{"pad_token": "x"}')
    if variant:
        torch.save(load_file(path / "adapter_model.safetensors"), path / "adapter_model.bin")
        (path / "adapter_model.safetensors").unlink()
    return path


def merge_models(experts: list[str], output: Path, chance: Random) -> Path:
    suffix = Path(experts[0]).suffix
    output = output.with_suffix(suffix if chance.random() < 0.5 else "")
    merge(experts, str(output), list(SHARES))
    return output


def merge_updates(experts: list[str], output: Path, chance: Random) -> Path:
    merge(experts, str(output), list(SHARES))
    return output


def fold(paths: list[str], output: Path, chance: Random) -> Path:
    *experts, base = paths
    merge(experts, str(output), list(SHARES), lora="dense", base=base)
    return output


def make_folding(path: Path, seed: int, variant: int) -> Path:
    if seed < 2:
        return make_adapter(path, seed, variant)
    llama(seed).save_pretrained(path, max_shard_size="5KB" if variant else "1GB")
    return path


def read_output(output: Path) -> dict[str, Tensor]:
    others = [file for file in output.iterdir() if file.name != "merge.json"] if output.is_dir() else []
    return read(others[0] if len(others) == 1 else output)


INPUTS = {
    "file": Input(make_file, 1, 2, merge_models, interpolated, read_output),
    "checkpoint": Input(make_checkpoint, 4, 2, merge_models, interpolated, read_output),
    "sharded folder": Input(make_folder, 2, 2, merge_models, interpolated_by_token, read_output),
    "adapter": Input(make_adapter, 2, 2, merge_updates, averaged_updates, updates),
    "folded adapter": Input(make_folding, 2, 3, fold, folded, read_output),
    "diffusers folder": Input(make_pipeline, 1, 2, merge_models, interpolated, read_output),
}
