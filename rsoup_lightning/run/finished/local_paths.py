"""What is published names files of the machine it was made on by their last name: where they lie is private."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from rsoup_lightning.files import read_value, user_path, write_json, write_text
from rsoup_lightning.run.recipes.parsing import read_recipe

PLACE = re.compile(r"(?<![\w.~-])(?<![^/]/)(?:~[\w-]*)?(?:/[^/\s\"'<>|:,;]+)+")
"""An absolute path within a text, but none within an address of the web."""
DOWNLOADED = re.compile(r"/models--([^/]+?)--([^/]+)/snapshots/[^/]+$")
"""Where huggingface_hub keeps what it has of ORGANISATION/NAME."""
SAYING = ("*.yaml", "run.json", "pick.json", "merge.json", "*config.json", "model_index.json")
"""Files that may name paths. No vocabulary is among them: its words may look like such."""


def name_local_paths(folder: Path) -> None:
    """Replace absolute paths of this machine in the texts of ``folder`` and below by their names.

    Raises:
        RSoupError, OSError, ValueError: a file cannot be read.
    """
    for file in {file for pattern in SAYING for file in folder.rglob(pattern)}:
        content = read_recipe(file) if file.suffix == ".yaml" else read_value(file)
        named = _mapped(content, partial(_named, names=local_names(content)))
        if named == content:
            continue
        if file.suffix == ".yaml":
            write_text(file, yaml.safe_dump(named, sort_keys=False, allow_unicode=True))
        else:
            write_json(file, named)


def local_names(content: Any) -> dict[str, str]:
    """Every absolute path of this machine in nested plain values, and what to call it elsewhere.

    What was downloaded from the hub is called as there; all else by the last part of its path, or by as many of them as
    tell it from the others. The longest come first: they may begin with others.
    """
    texts: list[str] = []
    _mapped(content, lambda text: texts.append(text) or text)  # type: ignore[func-returns-value]
    paths = sorted({path for text in texts for path in _paths(text)}, key=len, reverse=True)
    return {path: _name(path, [Path(other).parts for other in paths if other != path]) for path in paths}


def _paths(text: str) -> Iterator[str]:
    """The absolute paths in a text that begin in a folder there is; a single word after a slash may be any word."""
    if text.startswith(("/", "~/")) and len(Path(text).parts) > 1 and os.path.lexists(user_path(text)):
        yield text  # also one with blanks
        return
    for path in PLACE.findall(text):
        first, *more = Path(path).parts[:2]
        if path.startswith("~") or (path.count("/") > 1 and os.path.lexists(Path(first, *more))):
            yield path


def _name(path: str, others: list[tuple[str, ...]]) -> str:
    if downloaded := DOWNLOADED.search(path):
        return f"{downloaded[1]}/{downloaded[2]}"
    parts = Path(path).parts[1:]
    shared = [count for count in range(1, len(parts)) if any(other[-count:] == parts[-count:] for other in others)]
    return "/".join(parts[-max(shared, default=0) - 1 :])


def _named(text: str, names: Mapping[str, str]) -> str:
    for path, name in names.items():
        text = text.replace(path, name)
    return text


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    """Nested plain values with every text in them changed, keys as well."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {_mapped(key, change): _mapped(item, change) for key, item in value.items()}
    return [_mapped(item, change) for item in value] if isinstance(value, list) else value
