"""Of which weights each stage of a run was made, and whether they lie there still."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from rsoup_lightning.errors import RunFolderError
from rsoup_lightning.files import sha256
from rsoup_lightning.merging.disk.io import FILE_NAME
from rsoup_lightning.methods.method import Derived, Stage
from rsoup_lightning.run.folders.folder import RunFolder


def hashes(folder: RunFolder, stage: Stage | Derived) -> dict[str, str]:
    """The SHA-256 of the weights of a stage's sources, by their names."""
    return {source: sha256(folder.path / source / FILE_NAME) for source in stage.sources}


def check_lineage(folder: RunFolder, stages: Iterable[Stage | Derived]) -> None:
    """Require that finished stages were made of the weights that lie now where their sources do.

    Raises:
        RunFolderError: one was not; names it and its source.
    """
    hashed = cache(sha256)
    for stage in stages:
        recorded = folder.stage(stage.name)["sources"]
        for source in stage.sources:
            if recorded.get(source) != hashed(folder.path / source / FILE_NAME):
                made, begun = (folder.path / name for name in (stage.name, source))
                raise RunFolderError(f"{made} did not begin at {begun}: delete both to compute them anew")
