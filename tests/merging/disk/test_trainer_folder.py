"""Folders as TRL and transformers' Trainer leave them: read, or refused with what to give instead."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch
from peft import PeftModel

from rsoup_lightning import Soup, merge
from rsoup_lightning.errors import ConfigError
from rsoup_lightning.merging.disk.trainer_folder import check_trained
from rsoup_lightning.modalities.language.base import load_base
from tests.merging.test_policy_weights import adapter
from tests.modalities.language.tiny import llama, saved, tokenizer


class Hostile:
    """Runs code when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("raise SystemExit('code was run')",)


def left_by_a_trainer(folder: Path, base: str, seed: int, *, whole: bool = True) -> Path:
    """An output folder with two checkpoints; without ``whole``, as it is when training was cut off."""
    places = [folder / "checkpoint-500", folder / "checkpoint-1000", *([folder] if whole else [])]
    for number, place in enumerate(places):
        model = llama()
        model.name_or_path = base
        adapter(place, seed + 10 * number, model)
        for name in ("training_args.bin", "optimizer.pt", "scheduler.pt", "rng_state.pth"):
            (place / name).write_bytes(pickle.dumps(Hostile()))
        (place / "trainer_state.json").write_text('{"global_step": 500}')
        tokenizer().save_pretrained(place)
    return folder


def test_adapters_that_trl_left_are_read_and_merged(tmp_path: Path) -> None:
    base = saved(tmp_path / "base")
    folders = [left_by_a_trainer(tmp_path / name, base, seed) for name, seed in (("kind", 1), ("brief", 2))]
    merge(folders, tmp_path / "soup", [0.5, 0.5])
    written = {file.name for file in (tmp_path / "soup").iterdir()}
    assert "tokenizer.json" in written
    assert not written & {"training_args.bin", "optimizer.pt", "trainer_state.json", "checkpoint-500"}
    played = Soup.from_adapters(base, dict(zip(("kind", "brief"), folders, strict=True)), precision="float32")
    assert played.experts == ("kind", "brief")
    tokens = torch.arange(3, 9).unsqueeze(0)
    with torch.no_grad():
        wanted = PeftModel.from_pretrained(llama(), folders[0]).eval()(tokens).logits
        model, _ = load_base(str(folders[0]), "float32")
        torch.testing.assert_close(model.eval()(tokens).logits, wanted, rtol=1e-4, atol=1e-4)


def test_whole_models_that_a_trainer_left_are_merged(tmp_path: Path) -> None:
    for seed, name in enumerate(("a", "b")):
        saved(tmp_path / name, llama(seed))
        (tmp_path / name / "training_args.bin").write_bytes(pickle.dumps(Hostile()))
        (tmp_path / name / "trainer_state.json").write_text("{}")
    merge([tmp_path / "a", tmp_path / "b"], tmp_path / "soup", [0.5, 0.5])
    assert not {"training_args.bin", "trainer_state.json"} & {file.name for file in (tmp_path / "soup").iterdir()}


def test_checkpoints_alone_are_refused_and_named(tmp_path: Path) -> None:
    base = saved(tmp_path / "base")
    whole, cut = left_by_a_trainer(tmp_path / "a", base, 1), left_by_a_trainer(tmp_path / "b", base, 2, whole=False)
    message = r"b is the folder of a trainer with checkpoints alone: give one of them, as .*b/checkpoint-1000$"
    with pytest.raises(ConfigError, match=message):
        merge([whole, cut], tmp_path / "soup", [0.5, 0.5])
    with pytest.raises(ConfigError, match=message):
        merge([whole, cut / "checkpoint-500"], tmp_path / "soup", [0.5, 0.5], lora="dense", base=str(cut))
    with pytest.raises(ConfigError, match=message):
        Soup.from_adapters(base, {"kind": whole, "brief": cut})
    with pytest.raises(ConfigError, match=message):
        load_base(str(cut), "float32")
    assert not (tmp_path / "soup").exists()
    merge([whole, cut / "checkpoint-1000"], tmp_path / "soup", [0.5, 0.5])


@pytest.mark.parametrize("kept", ["model_index.json", "modules.json", "model.safetensors", "pytorch_model-1.bin"])
def test_a_model_beside_checkpoints_is_one(kept: str, tmp_path: Path) -> None:
    (tmp_path / "checkpoint-5").mkdir()
    with pytest.raises(ConfigError, match="checkpoints alone"):
        check_trained(tmp_path)
    (tmp_path / kept).write_text("")
    check_trained(tmp_path)


def test_parts_of_deepspeed_are_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name / "global_step500").mkdir(parents=True)
        (tmp_path / name / "zero_to_fp32.py").write_text("")
    with pytest.raises(ConfigError, match=r"a holds weights in the parts of DeepSpeed: put them together with"):
        merge([tmp_path / "a", tmp_path / "b"], tmp_path / "soup", [0.5, 0.5])
