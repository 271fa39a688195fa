"""Pictures and annotations from files, with errors that name the file and what is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from rsoup_lightning.errors import ConfigError, PictureError


def read_picture(path: Path) -> Image.Image:
    """The picture of a file, in RGBA.

    Raises:
        PictureError: it is missing, unreadable, or has no pixels; names the file.
    """
    try:
        with Image.open(path) as picture:
            if 0 in picture.size:
                raise PictureError(f"the picture {path} is empty: {picture.width} x {picture.height} pixels")
            return picture.convert("RGBA")
    # Pillow's readers raise all of these for damaged files
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error) or "it is damaged"
        raise PictureError(f"the picture {path} cannot be read: {reason}") from error


def read_annotations(path: Path) -> Any:
    """What a JSON file holds.

    Raises:
        ConfigError: it is missing or malformed; names the file and the place.
    """
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is not a readable JSON file: {error}") from error


def field(record: Any, key: str, kind: type | tuple[type, ...], where: object) -> Any:
    """``record[key]``, which must be there and of a kind.

    >>> field({"images": [1]}, "images", list, "a.json")
    [1]

    Args:
        record: an object read from a file.
        key: the member's name.
        kind: the type or types it may have.
        where: the record's place, for the error: its file, or the record's number in it.

    Raises:
        ConfigError: the record is not an object, has no such member, or it is of another kind.
    """
    if not isinstance(record, Mapping):
        raise ConfigError(f"{where}: an object with {key!r} is needed, not a {type(record).__name__}")
    if key not in record:
        raise ConfigError(
            f"{where} has no {key!r}; it has {', '.join(map(repr, sorted(map(str, record)))) or 'nothing'}"
        )
    value = record[key]
    if not isinstance(value, kind):
        kinds = " or ".join(one.__name__ for one in (kind if isinstance(kind, tuple) else (kind,)))
        raise ConfigError(f"{key!r} of {where} is a {type(value).__name__}, not a {kinds}")
    return value


def of_splits(records: Iterable[Any], names: Sequence[str], where: object) -> list[Any]:
    """The records whose ``split`` is among ``names``.

    Raises:
        ConfigError: there are none; says which splits there are.
    """
    found, known = [], set[str]()
    for number, record in enumerate(records):
        split = field(record, "split", str, f"record {number} of {where}")
        known.add(split)
        if split in names:
            found.append(record)
    if not found:
        raise ConfigError(
            f"{where} has nothing of split {' or '.join(names)}: it has {', '.join(sorted(known)) or 'none'}"
        )
    return found
