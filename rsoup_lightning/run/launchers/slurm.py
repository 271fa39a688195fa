"""Jobs of SLURM, submitted by way of submitit; a driver that was killed finds them again."""

from __future__ import annotations

import subprocess
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from rsoup_lightning.errors import ConfigError, UnknownNameError, check_at_least_one
from rsoup_lightning.optional import need
from rsoup_lightning.run.console.progress import RunProgress
from rsoup_lightning.run.launchers.launcher import Ended, Launcher
from rsoup_lightning.run.launchers.messages import LOOK_EVERY, Watch
from rsoup_lightning.run.launchers.task import StageTask

ASK_EVERY = 10.0  # seconds; of SLURM, which serves many
DEFAULTS = {"time": 60, "max_num_timeout": 3, "stderr_to_stdout": True}
KINDS: dict[str, tuple[type, str]] = {
    "time": (int, "a whole number of minutes"),
    "max_num_timeout": (int, "a whole number"),
    **dict.fromkeys(("setup", "teardown", "srun_args"), (list, "a list")),
}
"""Of options that submitit takes as they come, and fails with later."""
ONE_PROCESS = ("nodes", "ntasks_per_node", "array_parallelism")
TIMEOUTS = "max_num_timeout"
"""The option of the executor itself."""
SUBMITTED = "_submitted.pkl"
"""How submitit ends the names of files that begin with the id of a job."""


class Slurm(Launcher):
    """Computes each stage as a job of its own, which sees the run folder under the same path as the driver.

    A job that is to leave, or whose time is over, is queued again and goes on from the stage's checkpoint. The ids of
    jobs lie in the run folder, in the names of submitit's files: a driver that finds one in SLURM's queue waits for it
    instead of submitting another.

    Args:
        run: the run folder.
        workers: how many jobs at a time; None: all that can be computed.
        options: as :func:`checked` returns them.
        progress: shows how they go.
    """

    def __init__(self, run: Path, workers: int | None, options: Mapping[str, Any], progress: RunProgress) -> None:
        self._run, self._workers, self._options = run.resolve(), workers, options
        self._watch = Watch(progress)
        self._waiting: deque[str] = deque()
        self._ended: deque[Ended] = deque()
        self._jobs: dict[str, str] = {}
        """Stages to the ids of their jobs."""
        self._asked = time.monotonic()

    def submit(self, stage: str) -> None:
        self._waiting.append(stage)
        self._hand_out()

    def wait(self) -> Ended:
        while not self._ended:
            time.sleep(LOOK_EVERY)
            gone = self._gone()  # first: what has left the queue has said by now how it ended
            self._ended += self._watch.look()
            told = {ended.stage for ended in self._ended}
            self._ended += [ended for ended in gone if ended.stage not in told]
        ended = self._ended.popleft()
        del self._jobs[ended.stage]
        self._watch.end(ended.stage, well=not ended.died)
        self._hand_out()
        return ended

    def close(self) -> None:
        self._waiting.clear()
        if self._jobs:
            with suppress(OSError):
                subprocess.run(["scancel", *self._jobs.values()], check=False)
        self._jobs.clear()

    def _hand_out(self) -> None:
        while self._waiting and (self._workers is None or len(self._jobs) < self._workers):
            stage = self._waiting.popleft()
            task = StageTask(self._run, stage)
            self._jobs[stage] = self._found(stage) or self._submitted(task)
            self._watch.begin(stage, task.log)

    def _gone(self) -> list[Ended]:
        """The stages whose jobs have left the queue, asked for now and then."""
        if time.monotonic() - self._asked < ASK_EVERY:
            return []
        self._asked, queued = time.monotonic(), _queued()
        gone = {stage: job for stage, job in self._jobs.items() if queued is not None and job not in queued}
        return [
            Ended(
                stage, f"its job {job} ended without a word: see {self._folder(stage) / f'{job}_0_log.out'}", died=True
            )
            for stage, job in gone.items()
        ]

    def _folder(self, stage: str) -> Path:
        return StageTask(self._run, stage).place / "slurm"

    def _found(self, stage: str) -> str | None:
        """The job of an earlier driver that is still queued, or runs."""
        known = {file.name.removesuffix(SUBMITTED) for file in self._folder(stage).glob(f"*{SUBMITTED}")}
        queued = _queued() if known else None
        return max(known if queued is None else known & queued, default=None)

    def _submitted(self, task: StageTask) -> str:
        """A new job.

        Raises:
            ConfigError: SLURM refuses it.
        """
        task.prepare()
        options = {"job_name": f"{self._run.name}/{task.stage}", **self._options}
        try:
            return str(_executor(self._folder(task.stage), options).submit(task).job_id)
        except RuntimeError as error:
            raise ConfigError(f"SLURM takes no job: {' '.join(str(error).split())}") from error


def checked(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options of jobs, completed.

    Args:
        options: of ``sbatch``, as submitit calls them (time: whole minutes), and "max_num_timeout": how often the time
            of a job may run out.

    Raises:
        UnknownNameError: there is no such option.
        ConfigError: submitit is not installed, or jobs cannot be submitted from here, or with these options.
    """
    executor = need("submitit", "submitit", "slurm").SlurmExecutor
    known = [*executor._valid_parameters() - {*ONE_PROCESS}, TIMEOUTS]
    for name in options:
        if name in ONE_PROCESS:
            raise ConfigError(f"slurm.{name}: remove it: a stage is one task, in a job of its own")
        if name not in known:
            raise UnknownNameError("option of slurm", name, known)
    own = {**DEFAULTS, **options}
    for name, (kind, words) in KINDS.items():
        if name in own and type(own[name]) is not kind:
            raise ConfigError(f"slurm.{name} is {own[name]!r}: it must be {words}")
    check_at_least_one(**{"slurm.time": own["time"]})
    try:
        _executor(Path(), own)
    except RuntimeError as error:
        raise ConfigError(f"no job can be submitted from here: {error}") from error
    return own


def _executor(folder: Path, options: Mapping[str, Any]) -> Any:
    from submitit import SlurmExecutor

    own = dict(options)
    executor = SlurmExecutor(folder, max_num_timeout=own.pop(TIMEOUTS))
    executor.update_parameters(**own)
    return executor


def _queued() -> set[str] | None:
    """The ids of one's own jobs that wait or run; None where SLURM does not answer."""
    try:
        asked = subprocess.run(
            ["squeue", "--me", "--noheader", "--format=%i"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return {*asked.stdout.split()}
