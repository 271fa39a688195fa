"""A run folder: claimed by one configuration and one process at a time, and a record of which stages are done."""

from __future__ import annotations

import platform
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from uuid import uuid4

from rsoup_lightning.errors import FrontError, RunFolderError
from rsoup_lightning.files import read_json, remove, sha256, write_json
from rsoup_lightning.front.record import Record, read_record
from rsoup_lightning.merging.disk.io import FILE_NAME
from rsoup_lightning.run.folders.claim import check_free, claim
from rsoup_lightning.run.folders.inputs import changes, fingerprint, inputs
from rsoup_lightning.run.folders.lock import LOCK, only_process
from rsoup_lightning.run.folders.stages import FRONT, Graph, has_weights, is_record


class RunFolder:
    """The state of one run on disk: ``config.yaml`` says what it is, and each finished stage has its record.

    :func:`opened` claims it and keeps other drivers out; those who compute its stages come in without.

    Args:
        path: the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def begin(self, config: Mapping[str, Any], about: Mapping[str, Any]) -> dict[str, str]:
        """Make it the folder of a run, or go on with the run that it holds.

        Args:
            config: the resolved configuration.
            about: versions, seed and device, for run.json of a new run.

        Returns:
            Packages that differ from those the run began with: what follows may not equal an uninterrupted run.

        Raises:
            RunFolderError: the folder holds a run of another configuration (says what differs), or other files; or a
                file that the configuration names is not what it was when the run began.
        """
        claim(self.path, config)
        self._tidy()
        if not self._file.exists():
            write_json(self._file, {"id": uuid4().hex, **about, "inputs": {}})
        before = self._read()["versions"]
        self._check_inputs(config)
        now = about["versions"].items()
        return {name: f"{before.get(name)} -> {here}" for name, here in now if before.get(name) != here}

    def _tidy(self) -> None:
        """Delete what those left who were killed while they wrote, unless somebody is at work who may be writing."""
        with suppress(RunFolderError), ExitStack() as stack:
            for lock in self.path.rglob(f"{WORKERS}/**/{LOCK}"):
                stack.enter_context(only_process(lock.parent))
            for leftover in [*self.path.rglob(".*.tmp")]:  # files, and folders with all in them
                remove(leftover)

    def _check_inputs(self, config: Mapping[str, Any]) -> None:
        """Require that models and data are what they were when the run began; remember those that are new here."""
        state = self._read()
        before = state["inputs"]
        now = {
            path: fingerprint(path, before.get(path, {}))
            for path in dict.fromkeys([*before, *inputs(config.get("model"))])
        }
        for path, known in before.items():
            if changed := changes(known, now[path]):
                raise RunFolderError(
                    f"{path} has changed since the run in {self.path} began: {', '.join(changed[:5])}"
                    f"{' ...' if changed[5:] else ''}; put it back as it was, or choose another --run_dir"
                )
        if now != before:
            write_json(self._file, {**state, "inputs": now})

    @property
    def _file(self) -> Path:
        return self.path / "run.json"

    def _read(self) -> dict[str, Any]:
        state = read_json(self._file, "choose another --run_dir")
        if not _is_state(state):
            raise RunFolderError(f"{self._file} is not a record of a run: choose another --run_dir")
        return state

    @property
    def id(self) -> str:
        """What tells this run from all others, also from an earlier one in the same place."""
        return self._read()["id"]

    def record_of(self, name: str) -> Path:
        """The file that says of a stage that it is finished."""
        return self.path / "stages" / f"{name}.json"

    def stage(self, name: str) -> dict[str, Any]:
        """What was recorded of a finished stage that ends with weights: see :func:`run.folders.stages.is_record`.

        Raises:
            RunFolderError: it is not finished, or its record is damaged.
        """
        file, cure = self.record_of(name), "delete it, and the stage is computed anew"
        record = read_json(file, cure)
        if not is_record(record):
            raise RunFolderError(f"{file} is not a record of a stage: {cure}")
        return record

    def front(self) -> Record | None:
        """The content of front.json; None where it is not written, or was deleted to have all λ evaluated anew.

        Raises:
            FrontError: it is damaged, or not what was written.
            RunFolderError: the record of what was written is damaged.
        """
        file, cure = self.path / "front.json", "delete it, and all λ are evaluated anew"
        if not (self.is_recorded(FRONT) and file.exists()):
            return None
        record = read_json(self.record_of(FRONT), cure)
        if not isinstance(record, dict) or not isinstance(record.get("front"), str):
            raise RunFolderError(f"{self.record_of(FRONT)} is not a record of a front: {cure}")
        front = read_record(file)
        if record["front"] != sha256(file):
            raise FrontError(
                f"{file} has changed since it was written: delete it, and the same command evaluates anew without "
                "training"
            )
        return front

    def finished(self, graph: Graph, derived: Container[str] = ()) -> list[str]:
        """Those of a run's stages that are. What was made of trainings that are not is not, either.

        Args:
            graph: all stages of the run.
            derived: those among them whose weights are made without training.

        Raises:
            FrontError: as of :meth:`front`.
        """
        done: list[str] = []
        for stage, needs in graph.items():
            weighty = has_weights(stage)
            made = stage in derived or not weighty
            here = self.is_done(stage) if weighty else stage != FRONT and self.is_recorded(stage)
            if here and (not made or {*needs} <= {*done}):
                done.append(stage)
        if {*filter(has_weights, graph)} <= {*done} and self.front() is not None:
            return list(graph)
        return done

    def is_done(self, name: str) -> bool:
        """Whether a stage that ends with weights is finished, and they are there."""
        return self.is_recorded(name) and (self.path / name / FILE_NAME).exists()

    def is_recorded(self, name: str) -> bool:
        """Whether a stage was recorded as finished."""
        return self.record_of(name).exists()

    def finish(self, name: str, record: Mapping[str, Any]) -> None:
        """Record a stage as finished."""
        write_json(self.record_of(name), record)

    def forget(self, name: str) -> None:
        """Count a stage as not finished, and so its parts."""
        self.record_of(name).unlink(missing_ok=True)
        for part in (self.path / "stages" / name).glob("*.json"):
            part.unlink(missing_ok=True)

    @contextmanager
    def only_worker(self, name: str) -> Iterator[None]:
        """This process alone computes a stage inside the block.

        One that another driver has left is given the time to go.

        Raises:
            RunFolderError: another one, or this one, computes it already.
        """
        with only_process(self.path / WORKERS / name, PATIENCE):
            yield


def _is_state(value: Any) -> bool:
    """Whether it is the content of a run.json."""
    kinds = {"id": str, "versions": dict, "inputs": dict}
    return isinstance(value, dict) and all(isinstance(value.get(key), kind) for key, kind in kinds.items())


@contextmanager
def opened(
    path: Path, config: Mapping[str, Any], about: Mapping[str, Any]
) -> Iterator[tuple[RunFolder, dict[str, str]]]:
    """A :class:`RunFolder` that has begun, and no other driver's, inside the block; with packages that have changed.

    Raises:
        RunFolderError: as of :meth:`RunFolder.begin`, or another process is in it.
    """
    check_free(path)  # before the lock, which would be a file of ours in another's folder
    with only_process(path):
        folder = RunFolder(path)
        yield folder, folder.begin(config, about)


PATIENCE = 15.0
"""Seconds in which a worker whose driver has left is gone."""

WORKERS = ".workers"
"""The folder of locks and logs of those who compute stages."""

PACKAGES = (
    "rsoup_lightning",
    "torch",
    "lightning",
    "torchmetrics",
    "numpy",
    "gymnasium",
    "mujoco",
    "envpool",
    "transformers",
    "peft",
    "open_clip_torch",
    "diffusers",
)


def environment_record(seeds: Sequence[int], device: str) -> dict[str, Any]:
    """Versions (null where a package is absent), seeds and device, for run.json."""
    versions: dict[str, str | None] = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = None
    return {"schema": 1, "versions": versions, "seeds": list(seeds), "device": device}
