"""Pictures of data as they are: which of them can be read, and what tells them from others of the same names."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress
from hashlib import sha256
from typing import Literal

from PIL.Image import Image

from rsoup_lightning.errors import PictureError
from rsoup_lightning.modalities.data import PictureData

BadPictures = Literal["refuse", "skip"]
LOOKED_AT = 8  # pictures

logger = logging.getLogger(__name__)


def picture_or_none(data: PictureData, name: str, bad_pictures: BadPictures) -> Image | None:
    """The picture of that name; None if it cannot be read and is to be skipped, which the log tells.

    Raises:
        PictureError: it cannot be read, and is not to be skipped.
    """
    try:
        return data.picture(name)
    except PictureError as error:
        if bad_pictures == "refuse":
            raise PictureError(f"{error}; set bad_pictures to skip to go on without such pictures") from None
        logger.warning("%s: left out", error)
        return None


def digest_of_pictures(data: PictureData, names: Sequence[str]) -> str:
    """A digest of the names of pictures and of what a few of them show.

    Data that draws its pictures has the same names for others after a change of its settings. Pictures of files that
    are exchanged one by one are not noticed.
    """
    digest = sha256("\n".join(names).encode())
    for picture in some_pictures(data, names):
        digest.update(repr(picture.size).encode() + picture.tobytes())
    return digest.hexdigest()


def some_pictures(data: PictureData, names: Sequence[str]) -> Iterator[Image]:
    """A few pictures from all over the data, those of them that can be read."""
    for name in names[:: max(-(-len(names) // LOOKED_AT), 1)]:
        with suppress(PictureError):
            yield data.picture(name)
