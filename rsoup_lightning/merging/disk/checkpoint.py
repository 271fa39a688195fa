"""Single files that torch pickled: Lightning's checkpoints, state dicts, and the archives of Stable-Baselines3."""

from __future__ import annotations

import io
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import torch
from torch import Tensor

from rsoup_lightning.errors import OutputError, WeightsError
from rsoup_lightning.merging.disk.io import check_archive, check_tensors, load_pickled

SUFFIXES = (".ckpt", ".pt", ".pth", ".bin", ".zip")
KEYS = ("state_dict", "model_state_dict", "model")  # under which trainers keep a model's tensors
KEPT = ("hyper_parameters", "hparams_name", "pytorch-lightning_version")
ARCHIVED = "policy.pth"  # the policy's state dict in a zip of Stable-Baselines3


@dataclass(frozen=True)
class Checkpoint:
    """A model's tensors by name, and what a file of the same kind needs beside them.

    Attributes:
        path: the file.
        tensors: its tensors, in their memory or the file's.
        content: what ``torch.save`` was given; None of an archive.
        key: where in it the tensors are; None: it is they.
    """

    path: Path
    tensors: Mapping[str, Tensor]
    content: Mapping[str, Any] | None
    key: str | None

    def save(self, target: Path, tensors: Mapping[str, Tensor]) -> None:
        """Write ``tensors`` in a file of this kind.

        Of a trainer's checkpoint the hyperparameters are kept. What belongs to its own training, as an optimiser's
        state, is left out; an archive keeps all of its members, for Stable-Baselines3 asks for them.

        Raises:
            OutputError: the disk is full.
        """
        try:
            if self.content is None:
                self._save_archive(target, tensors)
            elif self.key is None:
                torch.save(dict(tensors), target)
            else:
                kept = {key: self.content[key] for key in KEPT if key in self.content}
                progress = {"epoch": 0, "global_step": 0} if "pytorch-lightning_version" in kept else {}
                torch.save({**kept, **progress, self.key: dict(tensors)}, target)
        except RuntimeError as error:  # what torch makes of a disk that is full
            raise OutputError(f"cannot write {target.name}: {str(error).partition('[')[0]}") from None

    def _save_archive(self, target: Path, tensors: Mapping[str, Tensor]) -> None:
        policy = io.BytesIO()
        torch.save(dict(tensors), policy)
        with zipfile.ZipFile(self.path) as source, zipfile.ZipFile(target, "w") as archive:
            for member in source.namelist():
                archive.writestr(member, policy.getvalue() if member == ARCHIVED else source.read(member))


def read_checkpoint(path: Path) -> Checkpoint:
    """What ``path`` holds, without running code of it.

    Raises:
        WeightsError: it is damaged, holds no tensors by name, or needs more than tensors and plain containers.
    """
    if path.suffix == ".zip":
        return Checkpoint(path, check_tensors(_archived(path), path), None, None)
    content = load_pickled(path)
    if not isinstance(content, Mapping):
        raise WeightsError(f"{path} holds a {type(content).__name__}: save a state dict")
    key = next((key for key in KEYS if isinstance(content.get(key), Mapping)), None)
    return Checkpoint(path, check_tensors(content if key is None else content[key], path), content, key)


def _archived(path: Path) -> Any:
    """The policy's state dict in an archive of Stable-Baselines3."""
    with NamedTemporaryFile(suffix=ARCHIVED) as copy:  # which torch can map
        try:
            with zipfile.ZipFile(path) as archive:
                check_archive(archive)
                if ARCHIVED not in archive.namelist():
                    raise ValueError(f"it holds no {ARCHIVED}: of zip files only Stable-Baselines3's can be merged")
                with archive.open(ARCHIVED) as policy:
                    shutil.copyfileobj(policy, copy)
            copy.flush()
        except Exception as error:  # a damaged archive fails in many ways
            raise WeightsError(f"{path} is not a whole zip file ({type(error).__name__}: {error})") from None
        return load_pickled(Path(copy.name), path)
