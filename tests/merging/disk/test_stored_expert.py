from __future__ import annotations

import json
import os
import pickle
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from rsoup_lightning.errors import MergeError, RSoupError, WeightsError
from rsoup_lightning.merging.disk.stored_expert import check_stored, open_expert

SHARDS = {"a.safetensors": ["x", "y"], "b.safetensors": ["z"]}


def sharded(folder: Path, seed: int = 0) -> Path:
    """A folder as transformers writes it: shards, an index, a configuration."""
    folder.mkdir(parents=True)
    generator = torch.Generator().manual_seed(seed)
    for shard, names in SHARDS.items():
        save_file({name: torch.randn(4, 3, generator=generator).bfloat16() for name in names}, folder / shard)
    where = {name: shard for shard, names in SHARDS.items() for name in names}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": where}))
    (folder / "config.json").write_text("{}")
    (folder / "training_args.bin").write_bytes(b"pickled")
    return folder


def test_a_sharded_folder(tmp_path: Path) -> None:
    expert = open_expert(sharded(tmp_path / "e"))
    assert list(expert.tensors) == ["x", "y", "z"]
    assert expert.others.keys() == {"config.json", "model.safetensors.index.json"}
    assert torch.equal(expert.tensors["z"].read().view(4, 3), load_file(tmp_path / "e/b.safetensors")["z"])
    expert.close()


def test_a_folder_of_several_models(tmp_path: Path) -> None:
    for part in ("unet", "text_encoder"):
        sharded(tmp_path / "pipe" / part)
    (tmp_path / "pipe/model_index.json").write_text("{}")
    expert = open_expert(tmp_path / "pipe")
    assert {"unet/x", "text_encoder/x"} <= expert.tensors.keys()
    assert "unet/config.json" in expert.others
    expert.close()


def test_links_are_followed_to_files(tmp_path: Path) -> None:
    real = sharded(tmp_path / "cache")
    (tmp_path / "e").mkdir()
    for file in real.iterdir():
        (tmp_path / "e" / file.name).symlink_to(file)
    expert = open_expert(tmp_path / "e")
    assert expert.others["config.json"] == (real / "config.json").resolve()
    expert.close()
    (real / "config.json").rename(real / "blob")
    (tmp_path / "e/config.json").unlink()
    (tmp_path / "e/config.json").symlink_to(real / "blob")
    (real / "blob").write_text("{")
    with pytest.raises(WeightsError, match=r"config\.json is not a whole JSON"):  # though the file itself has no suffix
        open_expert(tmp_path / "e")
    (real / "blob").unlink()
    with pytest.raises(WeightsError, match=r"is a link to .* which is not there"):
        open_expert(tmp_path / "e")


def _lie(folder: Path, **changes: str) -> None:
    index = folder / "model.safetensors.index.json"
    content = json.loads(index.read_text())
    content["weight_map"].update(changes)
    index.write_text(json.dumps(content))


def _forget(folder: Path) -> None:
    index = folder / "model.safetensors.index.json"
    content = json.loads(index.read_text())
    del content["weight_map"]["x"]
    index.write_text(json.dumps(content))


def _rename_without_index(folder: Path) -> None:
    (folder / "model.safetensors.index.json").unlink()
    (folder / "a.safetensors").rename(folder / "model-00001-of-00002.safetensors")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda e: (e / "b.safetensors").unlink(), "lacks the shard b.safetensors"),
        (lambda e: _lie(e, x="b.safetensors"), "says that 'x' is in b.safetensors, and it is not"),
        (_forget, "does not name 'x'"),
        (lambda e: (e / "model.safetensors.index.json").write_text("[]"), "holds a list and not a dict"),
        (lambda e: shutil.copy(e / "a.safetensors", e / "c.safetensors"), "two files in .* hold 'x'"),
        (
            lambda e: [file.unlink() for file in e.glob("*.safetensors*")],
            "; training_args.bin is none that",
        ),
        (_rename_without_index, "00001-of-00002.safetensors is a shard that no index names"),
        (lambda e: (e / "config.json").write_bytes(b""), "config.json is not a whole JSON file"),
        (lambda e: (e / "generation_config.json").write_text("null"), "generation_config.json holds a NoneType"),
        (lambda e: (e / "config.json").write_bytes(pickle.dumps({})), "config.json is not a whole JSON file"),
        (lambda e: (e / "modules.json").write_text("[3]"), "modules.json is not a list of modules"),
        (
            lambda e: (e / "model.safetensors.index.json").write_text('{"weight_map": {"x": [1]}}'),
            "not an index of shards",
        ),
        (lambda e: shutil.rmtree(e), "no expert at"),
    ],
)
def test_damaged_folders(tmp_path: Path, damage: object, message: str) -> None:
    folder = sharded(tmp_path / "e")
    damage(folder)  # type: ignore[operator]
    with pytest.raises(RSoupError, match=message):
        open_expert(folder)


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.gguf").write_bytes(b"")
    with pytest.raises(WeightsError, match=r"no \.safetensors file, none of torch \(.*\.zip\) and no folder"):
        open_expert(tmp_path / "x.gguf")


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"lm_head.weight": torch.zeros(2)}, r"b lacks the tensor 'w' that a has"),
        ({"w": torch.zeros(2), "lm_head.weight": torch.zeros(2)}, "a lacks the tensor 'lm_head.weight'.*one ties it"),
        ({"w": torch.zeros(3)}, r"'w' has shape \(2,\) in a but \(3,\) in b"),
        ({"w": torch.zeros(2).half()}, r"'w' is torch.float32 in a but torch.float16 in b"),
    ],
)
def test_experts_that_do_not_fit(tmp_path: Path, other: dict[str, torch.Tensor], message: str) -> None:
    save_file({"w": torch.zeros(2)}, tmp_path / "a.safetensors")
    save_file(other, tmp_path / "b.safetensors")
    with pytest.raises(MergeError, match=message):
        check_stored({name: open_expert(tmp_path / f"{name}.safetensors") for name in "ab"})


def test_linked_parts_of_a_pipeline_belong_to_it(tmp_path: Path) -> None:
    shared = sharded(tmp_path / "elsewhere/vae")
    sharded(tmp_path / "pipe/unet")
    (tmp_path / "pipe/model_index.json").write_text("{}")
    (tmp_path / "pipe/vae").symlink_to(shared)
    expert = open_expert(tmp_path / "pipe")
    assert {"unet/x", "vae/x"} <= expert.tensors.keys()
    expert.close()


def test_parts_of_sentence_transformers_and_chat_templates_belong_to_it(tmp_path: Path) -> None:
    folder = sharded(tmp_path / "e")
    (folder / "modules.json").write_text('[{"path": ""}, {"path": "1_Pooling"}, {"path": "2_Dense"}]')
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling/config.json").write_text("{}")
    sharded(folder / "2_Dense")
    sharded(folder / "checkpoint-5")
    (folder / "additional_chat_templates").mkdir()
    (folder / "additional_chat_templates/tool.jinja").write_text("{{ x }}")
    expert = open_expert(folder)
    assert {"1_Pooling/config.json", "additional_chat_templates/tool.jinja"} < expert.others.keys()
    assert expert.tensors.keys() == {"x", "y", "z", "2_Dense/x", "2_Dense/y", "2_Dense/z"}
    expert.close()


def pickled(folder: Path) -> Path:
    """The weights in ``folder`` as PyTorch's models were saved until 2023."""
    for file in folder.glob("*.safetensors"):
        torch.save(load_file(file), folder / f"pytorch_model-{file.stem}.bin")
        file.unlink()
    index = folder / "model.safetensors.index.json"
    content = json.loads(index.read_text())
    content["weight_map"] = {
        name: f"pytorch_model-{Path(shard).stem}.bin" for name, shard in content["weight_map"].items()
    }
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(content))
    index.unlink()
    return folder


def test_a_folder_of_pickled_shards_is_seen_as_safetensors(tmp_path: Path) -> None:
    plain = open_expert(sharded(tmp_path / "a"))
    expert = open_expert(pickled(sharded(tmp_path / "b")))
    assert expert.files.keys() == {"model-a.safetensors", "model-b.safetensors"}
    assert expert.others.keys() == {"config.json", "model.safetensors.index.json"}
    where = json.loads(expert.other("model.safetensors.index.json"))["weight_map"]
    assert where == {"x": "model-a.safetensors", "y": "model-a.safetensors", "z": "model-b.safetensors"}
    for name, tensor in plain.tensors.items():
        assert torch.equal(expert.tensors[name].read(3, 5), tensor.read(3, 5))
    plain.close()
    expert.close()


def test_a_pickled_shard_that_is_not_there(tmp_path: Path) -> None:
    (pickled(sharded(tmp_path / "e")) / "pytorch_model-b.bin").unlink()
    with pytest.raises(WeightsError, match=r"lacks the shard model-b\.safetensors"):
        open_expert(tmp_path / "e")


def test_a_trainers_checkpoints_are_not_the_expert(tmp_path: Path) -> None:
    sharded(sharded(tmp_path / "e") / "checkpoint-500")
    expert = open_expert(tmp_path / "e")
    assert list(expert.tensors) == ["x", "y", "z"]
    expert.close()


def test_a_damaged_shard_leaves_no_file_open(tmp_path: Path) -> None:
    (sharded(tmp_path / "e") / "b.safetensors").write_bytes(b"short")
    before = len(os.listdir("/dev/fd"))
    with pytest.raises(WeightsError, match=r"b\.safetensors is damaged"):
        open_expert(tmp_path / "e")
    assert len(os.listdir("/dev/fd")) == before
