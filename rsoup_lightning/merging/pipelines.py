"""Soups of pipelines: folders of several models, as diffusers saves them, of which experts changed one."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from filecmp import cmp
from pathlib import Path

from safetensors.torch import save_file

from rsoup_lightning.errors import WeightsError
from rsoup_lightning.merging.io import read_weights
from rsoup_lightning.merging.linear import linear
from rsoup_lightning.simplex import Coefficients

INDEX = "model_index.json"


def is_pipeline(path: Path) -> bool:
    """Whether ``path`` is a folder that diffusers wrote."""
    return (path / INDEX).is_file()


def merge_pipelines(output: Path, experts: Sequence[Path], coefficients: Coefficients) -> None:
    """Write the experts' folder with Σ λ_i θ_i in the place of each file of weights in which they differ.

    Args:
        output: a new folder.
        experts: folders of the same files.
        coefficients: λ.

    Raises:
        WeightsError: an expert lacks a file, or has a damaged one.
        MergeError: weights that do not match.
    """
    first, *others = experts
    for file in sorted(path for path in first.rglob("*") if path.is_file()):
        relative = file.relative_to(first)
        versions = [file, *(expert / relative for expert in others)]
        absent = next((version for version in versions if not version.is_file()), None)
        if absent is not None:
            raise WeightsError(f"{absent} is missing, which {first} has: are these experts of one training?")
        (output / relative).parent.mkdir(parents=True, exist_ok=True)
        if file.suffix != ".safetensors" or all(cmp(file, version, shallow=False) for version in versions[1:]):
            shutil.copyfile(file, output / relative)
            continue
        weights = [read_weights(version) for version in versions]
        merged = linear(weights, coefficients, names=[str(version) for version in versions])
        save_file(merged, output / relative, {"format": "pt"})  # transformers and diffusers ask for it
