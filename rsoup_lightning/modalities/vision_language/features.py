"""Pictures by number: as pixels, or as what a frozen encoder sees of them, computed once and kept on disk."""

from __future__ import annotations

import json
import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rsoup_lightning.errors import ConfigError, PictureError
from rsoup_lightning.files import atomic, write_json
from rsoup_lightning.modalities.cache import cache_folder
from rsoup_lightning.modalities.data import PictureData
from rsoup_lightning.modalities.vision_language.bad_pictures import (
    BadPictures,
    digest_of_pictures,
    picture_or_none,
    some_pictures,
)
from rsoup_lightning.modalities.vision_language.coca import Captioner, picture_features

ROWS = 64  # pictures at a time
TABLE, ABOUT = "features.npy", "features.json"

logger = logging.getLogger(__name__)


class Pictures(ABC):
    """What a policy gets of each picture.

    Attributes:
        unreadable: names of pictures that were left out.
    """

    unreadable: frozenset[str] = frozenset()

    def __call__(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """The distinct ones among ``pictures [B]``, ``[G, ...]``, and which of them each row has ``[B]``."""
        distinct, places = torch.unique(pictures.cpu(), return_inverse=True)
        return self._read(distinct).to(pictures.device), places.to(pictures.device)

    @abstractmethod
    def _read(self, numbers: Tensor) -> Tensor:
        """``[G, ...]`` in float32 of the pictures ``[G]`` of these numbers."""


class Pixels(Pictures):
    """Pixels ``[3, height, width]``, read from the data each time.

    Args:
        captioner: whose preprocessing they get.
        data: has the pictures.
        names: of all pictures, in the order of their numbers.
    """

    def __init__(self, captioner: Captioner, data: PictureData, names: Sequence[str]) -> None:
        self._preprocess, self._data, self._names = captioner.preprocess, data, names

    def _read(self, numbers: Tensor) -> Tensor:
        return torch.stack([self._preprocess(self._data.picture(self._names[number])) for number in numbers.tolist()])


class Features(Pictures):
    """A table on disk: ``[N, D]`` in float16 for each picture.

    Args:
        folder: where it lies.
    """

    def __init__(self, folder: Path) -> None:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        self.unreadable = frozenset(about["unreadable"])
        self._table = np.load(folder / TABLE, mmap_mode="r")

    def _read(self, numbers: Tensor) -> Tensor:
        return torch.from_numpy(self._table[numbers.numpy()]).float()


def as_kept(seen: Tensor) -> Tensor:
    """Features ``[B, N, D]`` as tables have them."""
    return seen.half()


def features(
    captioner: Captioner,
    data: PictureData,
    names: Sequence[str],
    bad_pictures: BadPictures,
    folder: Path | None,
    device: torch.device,
) -> Features:
    """The features of all pictures, computed if they are not in ``folder`` yet.

    Args:
        captioner: whose encoder sees them.
        data: has the pictures.
        names: of all pictures, in the order of their numbers.
        bad_pictures: what to do with one that cannot be read: stop, or leave it out and say so in the log.
        folder: where to keep them; None: in the cache folder, under a name of their own.
        device: computes them.

    Raises:
        ConfigError: the folder holds features of another encoder or preprocessing, or of other pictures.
        PictureError: a picture cannot be read and is not to be skipped; names it.
    """
    origin = {
        "encoder": _digest(captioner.model.visual.state_dict()),
        "set of pictures": digest_of_pictures(data, names),
        "preprocessing": _digest({str(n): captioner.preprocess(p) for n, p in enumerate(some_pictures(data, names))}),
    }
    if folder is None:
        folder = cache_folder() / "features" / sha256(json.dumps(origin).encode()).hexdigest()[:16]
    if (folder / ABOUT).exists():
        kept = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        for what in origin:
            if kept.get(what) != origin[what]:
                raise ConfigError(f"the features in {folder} are of another {what}: delete it, or name another folder")
        if kept["unreadable"] and bad_pictures == "refuse":
            raise PictureError(
                f"the features in {folder} are without {kept['unreadable'][0]}, which could not be read: set "
                "bad_pictures to skip, or mend the picture and delete the folder"
            )
    else:
        unreadable = _compute(captioner, data, names, bad_pictures, folder / TABLE, device)
        write_json(folder / ABOUT, {**origin, "unreadable": unreadable})  # last: it says that the table is whole
    return Features(folder)


@torch.no_grad()
def _compute(
    captioner: Captioner,
    data: PictureData,
    names: Sequence[str],
    bad_pictures: BadPictures,
    path: Path,
    device: torch.device,
) -> list[str]:
    """Write the table; returns the pictures that could not be read, whose rows stay zero."""
    unreadable: list[str] = []
    model = captioner.model.to(device).eval()
    table: Any = None
    with atomic(path) as temporary:
        for first in range(0, len(names), ROWS):
            readable: dict[int, Tensor] = {}
            for number, name in enumerate(names[first : first + ROWS], start=first):
                picture = picture_or_none(data, name, bad_pictures)
                if picture is None:
                    unreadable.append(name)
                else:
                    readable[number] = captioner.preprocess(picture)
            if not readable:
                continue
            seen = as_kept(picture_features(model, torch.stack(list(readable.values())).to(device))).cpu().numpy()
            if table is None:
                table = np.lib.format.open_memmap(temporary, "w+", np.float16, (len(names), *seen.shape[1:]))
            table[list(readable)] = seen
            if first // ROWS % 50 == 49:
                logger.info("%d of %d pictures seen", first + ROWS, len(names))
        if table is None:
            raise PictureError(f"none of the {len(names)} pictures can be read")
        table.flush()
    return unreadable


def _digest(weights: Mapping[str, Tensor]) -> str:
    digest = sha256()
    for name, tensor in sorted(weights.items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
