"""Stands in for SLURM on this machine: its commands as far as submitit and our launcher call them, one script of all.

A job has a folder, named after its id, in the folder that ``FAKE_SLURM`` names: ``step`` holds the process that
computes, ``requeue`` asks that it be run again, ``ended`` says that it has left the queue.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

COMMANDS = ("sbatch", "srun", "squeue", "scontrol", "scancel")


def installed(folder: Path) -> dict[str, str]:
    """The variables under which its commands are found, made in a folder."""
    programs, jobs = folder / "bin", folder / "jobs"
    programs.mkdir(parents=True)
    jobs.mkdir()
    for name in COMMANDS:
        (programs / name).write_text(f'#!/bin/sh\nexec {sys.executable} -I -S {__file__} {name} "$@"\n')
        (programs / name).chmod(0o755)
    return {"PATH": os.pathsep.join([str(programs), os.environ["PATH"]]), "FAKE_SLURM": str(jobs)}


def queued(jobs: Path) -> list[str]:
    """The ids of jobs that wait or run."""
    return [job.name for job in jobs.iterdir() if not (job / "ended").exists()]


def _sbatch(jobs: Path, script: str) -> None:
    job = jobs / str(100 + len([*jobs.iterdir()]))
    job.mkdir()
    subprocess.Popen([sys.executable, "-I", "-S", __file__, "node", job.name, script], start_new_session=True)
    print(f"Submitted batch job {job.name}")


def _node(jobs: Path, job: str, script: str) -> None:
    """Runs a job, as a node does that it was given to."""
    silent = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(silent, stream)
    variables = {**os.environ, "SLURM_JOB_ID": job, "SLURM_NTASKS": "1", "SLURM_JOB_NAME": "a job"}
    while True:
        subprocess.run(["bash", script], env=variables, check=False)
        if not (jobs / job / "requeue").exists():
            break
        (jobs / job / "requeue").rename(jobs / job / "requeued")
    (jobs / job / "ended").touch()


def _srun(jobs: Path, *arguments: str) -> None:
    _, flag, output, *command = arguments
    assert flag == "--output"
    job = os.environ["SLURM_JOB_ID"]
    log = os.open(output.replace("%j", job).replace("%t", "0"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    (jobs / job / "step").write_text(str(os.getpid()))
    os.execvp(command[0], command)


def _squeue(jobs: Path, *_: str) -> None:
    print("\n".join(queued(jobs)))


def _scontrol(jobs: Path, verb: str, job: str) -> None:
    assert verb == "requeue"
    (jobs / job / "requeue").touch()


def _scancel(jobs: Path, *arguments: str) -> None:
    number = signal.SIGKILL
    if arguments[0] == "--signal":
        number, arguments = signal.Signals[arguments[1]], arguments[2:]
    for job in arguments:
        while not (jobs / job / "step").exists() and job in queued(jobs):  # it has yet to begin
            time.sleep(0.02)
        with suppress(FileNotFoundError, ProcessLookupError):
            os.kill(int((jobs / job / "step").read_text()), number)


if __name__ == "__main__":
    globals()[f"_{sys.argv[1]}"](Path(os.environ["FAKE_SLURM"]), *sys.argv[2:])
