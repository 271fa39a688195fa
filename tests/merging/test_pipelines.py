"""Soups of folders that hold several models."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from rsoup_lightning.errors import MergeError, WeightsError
from rsoup_lightning.merging.pipelines import is_pipeline, merge_pipelines


@pytest.fixture
def experts(tmp_path: Path) -> list[Path]:
    """Two folders that differ in one of two models."""
    for number in range(2):
        for part in ("unet", "vae"):
            folder = tmp_path / str(number) / part
            folder.mkdir(parents=True)
            (folder / "config.json").write_text("{}")
            weight = torch.full((2, 3), 4.0 * number if part == "unet" else 7.0)
            save_file({"weight": weight}, folder / "model.safetensors", {"format": "pt"})
        (tmp_path / str(number) / "model_index.json").write_text("{}")
    return [tmp_path / "0", tmp_path / "1"]


def test_what_differs_is_merged_and_all_else_copied(experts: list[Path], tmp_path: Path) -> None:
    output = tmp_path / "soup"
    merge_pipelines(output, experts, [0.25, 0.75])
    assert is_pipeline(output) and not is_pipeline(output / "unet")
    assert load_file(output / "unet" / "model.safetensors")["weight"].tolist() == [[3.0] * 3] * 2
    with safe_open(output / "unet" / "model.safetensors", "pt") as file:
        assert file.metadata() == {"format": "pt"}
    same = (output / "vae" / "model.safetensors").read_bytes()
    assert same == (experts[0] / "vae" / "model.safetensors").read_bytes()
    assert {str(file.relative_to(output)) for file in output.rglob("*")} == {
        str(file.relative_to(experts[0])) for file in experts[0].rglob("*")
    }


def test_one_hot_is_the_expert(experts: list[Path], tmp_path: Path) -> None:
    merge_pipelines(tmp_path / "soup", experts, [0.0, 1.0])
    weights = [load_file(folder / "unet" / "model.safetensors")["weight"] for folder in (tmp_path / "soup", experts[1])]
    assert torch.equal(*weights)


def test_folders_that_do_not_match(experts: list[Path], tmp_path: Path) -> None:
    save_file({"weight": torch.ones(5)}, experts[1] / "unet" / "model.safetensors")
    with pytest.raises(MergeError, match=r"1/unet/model\.safetensors"):
        merge_pipelines(tmp_path / "soup", experts, [0.5, 0.5])
    (experts[1] / "unet" / "config.json").unlink()
    with pytest.raises(WeightsError, match=r"1/unet/config\.json is missing, which .*/0 has"):
        merge_pipelines(tmp_path / "other", experts, [0.5, 0.5])
