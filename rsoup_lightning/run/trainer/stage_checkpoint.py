"""The checkpoint that makes stages resumable: with it come the logs and files of loggers and of other callbacks."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Checkpoint, ModelCheckpoint

from rsoup_lightning.errors import WeightsError
from rsoup_lightning.files import atomic, read_json, write_json
from rsoup_lightning.merging.disk.io import load_checkpoint
from rsoup_lightning.module import RewardFineTuner
from rsoup_lightning.run.trainer.logs import kept, restore


class StageCheckpoint(Checkpoint):
    """Writes the whole training state after each epoch, atomically, with the history of what was logged and the time.

    Lightning logs an epoch's means only after every callback has seen its end. So the state is taken at the end, and
    becomes ``path`` when the next epoch begins, together with what log files hold by then. It comes last among the
    callbacks, to see what they have done, and :class:`BeforeOthers` first. After the last epoch nothing is left to
    resume but what callbacks do at the end.

    Args:
        path: the checkpoint file. ``<its name>.<epochs>.json`` beside it says which files belong to it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.history: list[dict[str, float | None]] = []
        self.seconds = 0.0
        self._since = 0.0
        self._next = path.with_name(f".{path.name}.next.tmp")
        self._taken = False
        self.saved: list[list[str]] | None = None
        """Paths in its folder of what each ModelCheckpoint had saved by then; None of a training that begins."""

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.commit(trainer)
        self._since = time.perf_counter()

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        assert isinstance(pl_module, RewardFineTuner)
        self.seconds += time.perf_counter() - self._since
        means = {
            name: float(value) if math.isfinite(value) else None for name, value in trainer.callback_metrics.items()
        }
        self.history.append({"epoch": trainer.current_epoch, "steps": int(pl_module.steps_taken), **means})
        trainer.save_checkpoint(self._next)  # all processes take part, and the first one writes
        self._taken = True

    def commit(self, trainer: L.Trainer) -> None:
        """What was taken at the end of the last epoch, if anything, is what a training goes on from now."""
        if self._taken and trainer.is_global_zero:
            logs = self._logs(len(self.history))
            saved = [[*_saved(callback)] for callback in _others(trainer)]
            write_json(logs, {"loggers": kept(trainer.loggers), "saved": saved})
            with atomic(self.path) as file:
                self._next.rename(file)
            for older in set(self.path.parent.glob(self._logs("*").name)) - {logs}:
                older.unlink()
        self._taken = False

    def _logs(self, epochs: int | str) -> Path:
        return self.path.with_name(f"{self.path.name}.{epochs}.json")

    def resume(self, trainer: L.Trainer) -> Path | None:
        """The checkpoint to go on from, if there is one, with the files of loggers as they were when it was written.

        Raises:
            WeightsError: the checkpoint is damaged; says how to go on.
            RunFolderError: what was written beside it is.
        """
        if not self.path.exists():
            self._restore(trainer, None)
            return None
        cure = f"delete {self.path} to train this stage anew"
        try:
            own = load_checkpoint(self.path).get("callbacks", {}).get(self.state_key)
        except WeightsError as error:
            raise WeightsError(f"cannot resume: {error}; {cure}") from None
        if own is None:
            raise WeightsError(f"cannot resume: {self.path} is another training's; {cure}")
        files = read_json(self._logs(len(own["history"])), cure)
        self.saved = files["saved"]
        self._restore(trainer, files["loggers"])
        return self.path

    def _restore(self, trainer: L.Trainer, states: Sequence[dict[str, Any]] | None) -> None:
        if trainer.is_global_zero:  # who alone logs
            restore(trainer.loggers, states)

    def remove(self) -> None:
        """Delete what a finished stage no longer needs."""
        for file in (self.path, self._next, *self.path.parent.glob(self._logs("*").name)):
            file.unlink(missing_ok=True)

    def state_dict(self) -> dict[str, Any]:
        return {"history": self.history, "seconds": self.seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.history, self.seconds = list(state_dict["history"]), state_dict["seconds"]


class BeforeOthers(L.Callback):
    """What a :class:`StageCheckpoint` does before other callbacks do anything; comes first among them."""

    def __init__(self, checkpoint: StageCheckpoint) -> None:
        self.checkpoint = checkpoint

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Delete what a ModelCheckpoint has saved after the state from which the training goes on."""
        if not trainer.is_global_zero:
            return
        others = _others(trainer)
        for callback, names in zip(others, self.checkpoint.saved or [[]] * len(others), strict=True):
            for name, file in _saved(callback).items():
                if name not in names:
                    file.unlink()

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.checkpoint.commit(trainer)


def _others(trainer: L.Trainer) -> list[ModelCheckpoint]:
    return [callback for callback in trainer.checkpoint_callbacks if isinstance(callback, ModelCheckpoint)]


def _saved(callback: ModelCheckpoint) -> dict[str, Path]:
    """The files that it has saved, by their paths in its folder."""
    assert callback.dirpath is not None  # it is settled before a training starts
    folder = Path(callback.dirpath)
    return {file.relative_to(folder).as_posix(): file for file in folder.rglob("*") if file.is_file()}
