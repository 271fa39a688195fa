"""Whose a run folder is: that of the configuration which began it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from rsoup_lightning.errors import RunFolderError
from rsoup_lightning.files import write_text
from rsoup_lightning.methods.method import INIT
from rsoup_lightning.run.folders.stages import NORMALISATION

CONFIG = "config.yaml"
MARKS = ("run.json", "peer.log")
"""What lies beside the configuration of a run of ours that has begun, before it has computed anything."""


def claim(path: Path, config: Mapping[str, Any]) -> None:
    """Make ``path`` the folder of ``config``, or check that it already is.

    A configuration that has trained nothing there, such as one with a mistake that its first rollout found, gives way.

    Raises:
        RunFolderError: it is another configuration's, or holds files that are no run.
    """
    file = path / CONFIG
    check_free(path)
    if not file.exists():
        _write(file, config)
        return
    try:
        there = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise RunFolderError(f"{file} is not readable ({reason}): choose another --run_dir") from None
    differences = list(_differences(there, dict(config)))
    if differences and (begun := _only_begun(path, there)) is not None:
        for old in begun:
            old.unlink()
        _write(file, config)
    elif differences:
        listed = "; ".join(differences)
        raise RunFolderError(
            f"{path} is another configuration's run: choose another --run_dir or delete it. What differs: {listed}"
        )


def _write(file: Path, config: Mapping[str, Any]) -> None:
    write_text(file, yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True))


def _only_begun(path: Path, config: Any) -> list[Path] | None:
    """The files of a run, of each seed if there are several, that has trained nothing; None: it has."""
    files = [file.relative_to(path) for file in path.rglob("*") if file.is_file()]
    shown = [file for file in files if not any(part.startswith(".") for part in file.parts)]
    soup = config.get("soup") if isinstance(config, dict) else None
    as_built = isinstance(soup, dict) and soup.get("init_epochs") == 0
    begun = (file.name in (CONFIG, *MARKS) or (as_built and _is_of_init(file)) for file in shown)
    runs = {file.parent for file in shown if file.name in MARKS}  # another config.yaml may be somebody's recipe
    ours = all(file.parent in runs for file in shown if file.name == CONFIG)
    return [path / file for file in shown] if ours and all(begun) else None


def _is_of_init(file: Path) -> bool:
    return file.parent.name == INIT or any(file.match(f"stages/{name}.json") for name in (INIT, NORMALISATION))


def check_free(path: Path) -> None:
    """Require a run folder, an empty one, or none.

    Raises:
        RunFolderError: it is a file, or holds other files.
    """
    if path.exists() and not path.is_dir():
        raise RunFolderError(f"{path} is a file: choose another --run_dir")
    if (path / CONFIG).exists() or not path.exists():
        return
    if any(entry for entry in path.iterdir() if not entry.name.startswith(".")):
        raise RunFolderError(f"{path} holds files but no config.yaml: it is no run folder; choose another --run_dir")


def _differences(there: Any, here: Any, name: str = "") -> Iterator[str]:
    if isinstance(there, dict) and isinstance(here, dict):
        for key in [*there, *(key for key in here if key not in there)]:
            yield from _differences(there.get(key), here.get(key), f"{name}.{key}" if name else str(key))
    elif there != here:
        yield f"{name}: {there!r} in the folder, {here!r} now"
