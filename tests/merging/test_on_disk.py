"""``rsoup merge`` through its command, on every format of whole models that it reads."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from rsoup_lightning.errors import RSoupError
from rsoup_lightning.merging import merge_weights
from rsoup_lightning.merging.methods import METHODS
from rsoup_lightning.merging.on_disk import merge
from tests.conftest import PointFineTuner, quiet_trainer
from tests.merging.disk.test_stored_expert import SHARDS, sharded
from tests.running import rsoup


def _all(folder: Path) -> dict[str, torch.Tensor]:
    return {name: tensor for shard in folder.glob("*.safetensors") for name, tensor in load_file(shard).items()}


@pytest.fixture
def experts(tmp_path: Path) -> list[Path]:
    return [sharded(tmp_path / f"e{seed}", seed) for seed in range(3)]


def test_the_command(experts: list[Path], tmp_path: Path) -> None:
    a, b, _ = map(str, experts)
    done = rsoup("merge", "--experts", a, b, "--coefficients", ".3", ".7", "--output", str(tmp_path / "out"))
    assert f"wrote {tmp_path / 'out'}" in done.stdout
    expected = merge_weights([_all(experts[0]), _all(experts[1])], [0.3, 0.7])
    merged = _all(tmp_path / "out")
    assert merged.keys() == expected.keys()
    assert all(torch.equal(merged[name], expected[name]) for name in merged)
    assert {file.name for file in (tmp_path / "out").iterdir()} == {
        *SHARDS,
        "config.json",
        "merge.json",
        "model.safetensors.index.json",
    }
    assert json.loads((tmp_path / "out/merge.json").read_text())["coefficients"] == {a: 0.3, b: 0.7}


@pytest.mark.parametrize("name", METHODS)
def test_streamed_methods_are_those_in_memory(
    experts: list[Path], tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rsoup_lightning.merging.engine.SLICE", 5)  # several slices per tensor
    a, b, last = experts
    init = last if METHODS[name].needs_init else None
    merge([str(a), str(b)], str(tmp_path / "out"), [0.4, 0.6], method=name, init=init and str(init))
    expected = merge_weights([_all(a), _all(b)], [0.4, 0.6], method=name, init=init and _all(init))
    assert all(torch.equal(tensor, expected[key]) for key, tensor in _all(tmp_path / "out").items())


@pytest.mark.parametrize("name", [name for name, known in METHODS.items() if known.keeps_experts])
def test_one_hot_copies_the_expert(experts: list[Path], tmp_path: Path, name: str) -> None:
    a, b, init = map(str, experts)
    needed = init if METHODS[name].needs_init else None
    merge([a, b], str(tmp_path / "out"), [0.0, 1.0], method=name, init=needed)
    for shard in SHARDS:
        assert (tmp_path / "out" / shard).read_bytes() == (experts[1] / shard).read_bytes()


def test_pickled_folders_become_safetensors(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.LlamaConfig(
        hidden_size=32, intermediate_size=48, num_hidden_layers=1, num_attention_heads=4, vocab_size=64
    )
    models = []
    for seed in range(2):
        torch.manual_seed(seed)
        models.append(transformers.LlamaForCausalLM(config))
        config.save_pretrained(tmp_path / str(seed))
        torch.save(models[-1].state_dict(), tmp_path / str(seed) / "pytorch_model.bin")
    merge([str(tmp_path / "0"), str(tmp_path / "1")], str(tmp_path / "out"), [0.3, 0.7])
    assert {file.name for file in (tmp_path / "out").iterdir()} == {"config.json", "merge.json", "model.safetensors"}
    merged = transformers.LlamaForCausalLM.from_pretrained(tmp_path / "out")
    expected = merge_weights([dict(model.state_dict()) for model in models], [0.3, 0.7])
    torch.testing.assert_close(dict(merged.state_dict()), expected, rtol=0, atol=0)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_experts_of_two_dtypes(tmp_path: Path, dtype: str) -> None:
    half, full = sharded(tmp_path / "half"), sharded(tmp_path / "full", 1)
    for file in full.glob("*.safetensors"):
        save_file({name: tensor.float() + 1e-4 for name, tensor in load_file(file).items()}, file)
    for folder in (half, full):
        (folder / "config.json").write_text('{"torch_dtype": "bfloat16", "text_config": {"dtype": "bfloat16"}}')
    a, b = str(half), str(full)
    command = ["merge", "--experts", a, b, "--coefficients", ".4", ".6", "--output", str(tmp_path / "out")]
    refused = rsoup(*command, status=2).stderr
    assert "'x' is torch.bfloat16 in" in refused and "takes --dtype" in refused
    rsoup(*command, "--dtype", dtype)
    kind = getattr(torch, dtype)
    for name, merged in _all(tmp_path / "out").items():
        expected = (0.4 * _all(half)[name].double() + 0.6 * _all(full)[name].double()).to(kind)
        torch.testing.assert_close(merged, expected)
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert config == {"torch_dtype": dtype, "text_config": {"dtype": dtype}}
    rsoup(*command, "--dtype", dtype, "--overwrite", "--coefficients", "1", "0")
    assert all(torch.equal(merged, _all(half)[name].to(kind)) for name, merged in _all(tmp_path / "out").items())


@pytest.mark.parametrize("length", [250, 255])
def test_a_name_as_long_as_the_file_system_takes(experts: list[Path], tmp_path: Path, length: int) -> None:
    name = "x" * length
    merge([str(experts[0]), str(experts[1])], str(tmp_path / name), [0.5, 0.5])
    assert (tmp_path / name / "merge.json").exists()


def test_a_name_that_is_too_long(experts: list[Path], tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    with pytest.raises(RSoupError, match="File name too long"):
        merge([str(experts[0]), str(experts[1])], str(tmp_path / ("x" * 256)), [0.5, 0.5])
    assert sorted(tmp_path.iterdir()) == before


def test_home_folders(experts: list[Path], tmp_path: Path) -> None:
    (tmp_path / "e").symlink_to(experts[0])
    rsoup(
        *("merge", "--experts", "~/e", str(experts[1]), "--coefficients", ".5", ".5", "--output=~/out"),
        cwd=experts[2],
        HOME=str(tmp_path),
    )
    assert (tmp_path / "out" / "merge.json").exists()


def test_a_sweep(experts: list[Path], tmp_path: Path) -> None:
    written = merge([str(path) for path in experts], str(tmp_path / "sweep"), grid=3)
    assert [path.name for path in written] == ["0-0-1", "0-0.5-0.5", "0-1-0", "0.5-0-0.5", "0.5-0.5-0", "1-0-0"]
    assert all(_all(path).keys() == {"x", "y", "z"} for path in written)


def test_groups(experts: list[Path], tmp_path: Path) -> None:
    a, b, _ = experts
    groups = {"^z$": [1.0, 0.0], "y": [0.0, 1.0]}
    merge([str(a), str(b)], str(tmp_path / "out"), [0.5, 0.5], groups=groups)
    merged = _all(tmp_path / "out")
    assert torch.equal(merged["z"], _all(a)["z"])
    assert torch.equal(merged["y"], _all(b)["y"])
    assert torch.equal(merged["x"], merge_weights([_all(a), _all(b)], [0.5, 0.5])["x"])


def test_single_files(experts: list[Path], tmp_path: Path) -> None:
    files = [str(expert / "a.safetensors") for expert in experts]
    merge(files, str(tmp_path / "m.safetensors"), [0.2, 0.3, 0.5])
    merge(files, str(tmp_path / "folder"), [0.2, 0.3, 0.5])
    assert (tmp_path / "m.safetensors").read_bytes() == (tmp_path / "folder/a.safetensors").read_bytes()


def test_lightning_checkpoints(tmp_path: Path, point: PointFineTuner) -> None:
    trainer = quiet_trainer(max_epochs=1)
    trainer.fit(point)
    for name, place in (("a", 1.0), ("b", 3.0)):
        point.policy.place.data.fill_(place)
        trainer.save_checkpoint(tmp_path / f"{name}.ckpt")
    merge([str(tmp_path / "a.ckpt"), str(tmp_path / "b.ckpt")], str(tmp_path / "m.ckpt"), [0.25, 0.75])
    back = PointFineTuner.load_from_checkpoint(tmp_path / "m.ckpt", weights_only=True)
    assert back.policy.place.tolist() == [2.5, 2.5]


def test_what_transformers_loads(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.LlamaConfig(
        hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, vocab_size=64
    )
    models = []
    for seed in range(2):
        torch.manual_seed(seed)
        models.append(transformers.LlamaForCausalLM(config))
        models[-1].save_pretrained(tmp_path / str(seed), max_shard_size="20KB")
    merge([str(tmp_path / "0"), str(tmp_path / "1")], str(tmp_path / "out"), [0.3, 0.7])
    merged = transformers.LlamaForCausalLM.from_pretrained(tmp_path / "out")
    expected = merge_weights([dict(model.state_dict()) for model in models], [0.3, 0.7])
    torch.testing.assert_close(dict(merged.state_dict()), expected, rtol=0, atol=0)


def test_what_diffusers_loads(tmp_path: Path) -> None:
    diffusers = pytest.importorskip("diffusers")
    models = []
    for seed in range(2):
        torch.manual_seed(seed)
        unet = diffusers.UNet2DModel(
            sample_size=8,
            block_out_channels=(8, 8),
            norm_num_groups=4,
            down_block_types=("DownBlock2D",) * 2,
            up_block_types=("UpBlock2D",) * 2,
            layers_per_block=1,
        )
        diffusers.DDPMPipeline(unet, diffusers.DDPMScheduler()).save_pretrained(tmp_path / str(seed))
        models.append(dict(unet.state_dict()))
    merge([str(tmp_path / "0"), str(tmp_path / "1")], str(tmp_path / "out"), [0.5, 0.5])
    pipeline = diffusers.DDPMPipeline.from_pretrained(tmp_path / "out")
    torch.testing.assert_close(dict(pipeline.unet.state_dict()), merge_weights(models, [0.5, 0.5]), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"coefficients": [0.5, 0.6]}, "must sum to 1"),
        ({"coefficients": [0.5]}, "1 coefficients for 2 experts"),
        ({}, "give either --coefficients"),
        ({"coefficients": [0.5, 0.5], "method": "ties"}, "name the experts' common ancestor with --init"),
        ({"coefficients": [0.5, 0.5], "density": 0.3}, "'linear' has no setting 'density'"),
        ({"coefficients": [0.5, 0.5], "groups": {"q_proj": [1.0, 0.0]}}, "'q_proj' matches no tensor"),
        ({"coefficients": [0.5, 0.5], "groups": {"(": [1.0, 0.0]}}, "not a regular expression"),
    ],
)
def test_what_cannot_be_asked(experts: list[Path], tmp_path: Path, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(RSoupError, match=message):
        merge([str(experts[0]), str(experts[1])], str(tmp_path / "out"), **arguments)
    assert not (tmp_path / "out").exists()


def test_extrapolation(experts: list[Path], tmp_path: Path) -> None:
    a, b, _ = experts
    merge([str(a), str(b)], str(tmp_path / "out"), [1.5, -0.5], extrapolate=True)
    expected = (1.5 * _all(a)["x"].float() - 0.5 * _all(b)["x"].float()).bfloat16()
    torch.testing.assert_close(_all(tmp_path / "out")["x"], expected)


@pytest.mark.parametrize("coefficients", [[0.5, 0.5], [0.0, 1.0]])
def test_nan_is_named_and_nothing_is_left(experts: list[Path], tmp_path: Path, coefficients: list[float]) -> None:
    bad = _all(experts[1])
    bad["z"][1, 1] = float("nan")
    save_file({"z": bad["z"]}, experts[1] / "b.safetensors")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(RSoupError, match=r"'z' of .*e1 holds NaN"):
        merge([str(experts[0]), str(experts[1])], str(tmp_path / "out"), coefficients)
    assert sorted(tmp_path.iterdir()) == before


def test_existing_outputs(experts: list[Path], tmp_path: Path) -> None:
    a, b, _ = map(str, experts)
    out = tmp_path / "out"
    out.mkdir()
    (out / "precious").write_text("x")
    with pytest.raises(RSoupError, match="exists: choose another output, or --overwrite"):
        merge([a, b], str(out), [0.5, 0.5])
    assert (out / "precious").exists()
    merge([a, b], str(out), [0.5, 0.5], overwrite=True)
    assert not (out / "precious").exists()
    for target in (a, str(tmp_path), f"{a}/inside"):
        with pytest.raises(RSoupError, match="lie in each other"):
            merge([a, b], target, [0.5, 0.5], overwrite=True)


def test_an_overwritten_link_leaves_its_target(experts: list[Path], tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    (tmp_path / "target/precious").write_text("x")
    (tmp_path / "out").symlink_to(tmp_path / "target")
    merge([str(experts[0]), str(experts[1])], str(tmp_path / "out"), [0.5, 0.5], overwrite=True)
    assert not (tmp_path / "out").is_symlink()
    assert (tmp_path / "target/precious").exists()


def test_a_disk_that_fills_up(experts: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = os.pwrite, []

    def full(descriptor: int, data: memoryview, start: int) -> int:
        calls.append(start)
        if len(calls) > 3:
            raise OSError(28, "No space left on device")
        return real(descriptor, data, start)

    monkeypatch.setattr(os, "pwrite", full)
    (tmp_path / "out").mkdir()
    (tmp_path / "out/old").write_text("x")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(RSoupError, match="the disk is full"):
        merge([str(experts[0]), str(experts[1])], str(tmp_path / "out"), [0.5, 0.5], overwrite=True)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_disk_that_is_too_small(experts: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=3))
    with pytest.raises(RSoupError, match=r"the disk has 0\.0 GB left"):
        merge([str(experts[0]), str(experts[1])], str(tmp_path / "out"), [0.5, 0.5])


def test_a_sweep_appears_whole_or_not_at_all(experts: list[Path], tmp_path: Path) -> None:
    with pytest.raises(RSoupError, match="between two experts"):
        merge(
            [str(path) for path in experts[:2]] + [str(sharded(tmp_path / "e3", 3))],
            str(tmp_path / "sweep"),
            grid=3,
            method="slerp",
            init=str(experts[2]),
        )
    assert not (tmp_path / "sweep").exists()
    with pytest.raises(RSoupError, match="lie in each other"):
        merge([str(experts[0]), str(experts[1])], str(tmp_path), grid=3, overwrite=True)


def test_convolutions_in_channels_last(tmp_path: Path) -> None:
    tensors = [torch.randn(4, 3, 2, 2).to(memory_format=torch.channels_last) for _ in range(2)]
    for index, tensor in enumerate(tensors):
        torch.save({"state_dict": {"w": tensor}}, tmp_path / f"{index}.ckpt")
    merge([str(tmp_path / "0.ckpt"), str(tmp_path / "1.ckpt")], str(tmp_path / "m.ckpt"), [0.5, 0.5])
    merged = torch.load(tmp_path / "m.ckpt", weights_only=True)["state_dict"]["w"]
    torch.testing.assert_close(merged, (tensors[0] + tensors[1]) / 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"init": "2"}, "'linear' takes no --init"),
        ({"device": "gpu"}, "no device 'gpu' here"),
        ({"device": "meta"}, "no device 'meta' here: .*no data"),
        ({"dtype": "fp16"}, "unknown dtype 'fp16'"),
        ({"dtype": "int8"}, "unknown dtype 'int8'"),
        ({"dtype": "sum"}, "unknown dtype 'sum'"),
        ({"groups": {"^x": [0.5, 0.5], "^y": [0.5, 0.6]}}, r"the group '\^y': coefficients must sum to 1"),
        ({"groups": {"^y": [1.0]}}, r"the group '\^y': 1 coefficients for 2 experts"),
        ({"experts": ["0", "0"]}, "is named twice"),
    ],
)
def test_other_slips(experts: list[Path], tmp_path: Path, arguments: dict[str, Any], message: str) -> None:
    named = [str(experts[int(index)]) for index in arguments.pop("experts", ["0", "1"])]
    if "init" in arguments:
        arguments["init"] = str(experts[int(arguments["init"])])
    with pytest.raises(RSoupError, match=message):
        merge(named, str(tmp_path / "out"), [0.5, 0.5], **arguments)


def test_files_of_float8_are_refused_by_name(tmp_path: Path) -> None:
    for name in "ab":
        torch.save({"w": torch.ones(2).to(torch.float8_e4m3fn)}, tmp_path / f"{name}.pt")
    with pytest.raises(RSoupError, match=r"'w' of .*a\.pt is torch\.float8_e4m3fn, which cannot be merged"):
        merge([tmp_path / "a.pt", tmp_path / "b.pt"], tmp_path / "out.pt", [0.5, 0.5])
    assert not (tmp_path / "out.pt").exists()


@pytest.mark.parametrize("as_file", [True, False])
def test_what_overflows_another_dtype_is_refused_also_where_experts_agree(tmp_path: Path, as_file: bool) -> None:
    for name, value in (("a", 1.0), ("b", 2.0)):
        save_file({"frozen": torch.tensor([1e5]), "w": torch.tensor([value])}, tmp_path / f"{name}.safetensors")
    experts = [tmp_path / "a.safetensors", tmp_path / "b.safetensors"]
    with pytest.raises(RSoupError, match="'frozen': overflows"):
        merge(experts, tmp_path / ("out.safetensors" if as_file else "out"), [0.5, 0.5], dtype="float16")
    assert sorted(tmp_path.iterdir()) == experts
