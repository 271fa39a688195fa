"""``rsoup stage``: one stage of a run, from its folder alone."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import closing
from pathlib import Path
from queue import SimpleQueue
from threading import Thread

from jsonargparse import ArgumentParser

from rsoup_lightning.errors import ConfigError, RunFolderError
from rsoup_lightning.files import user_path
from rsoup_lightning.run.console.lifeline import hang_on
from rsoup_lightning.run.console.quiet import quiet
from rsoup_lightning.run.recipes.parsing import parse

DESCRIPTION = """Computes one stage of a run that rsoup soup has begun, from the run folder alone: init, normalisation,
experts/NAME, baselines/METHOD/INDEX, or a block of the sweep, as sweep/000; of a run of several seeds, as
seed-0/experts/NAME. A stage that was interrupted goes on where it stopped, and one that is finished ends at once.
Without a stage: lists them all. rsoup soup --launcher calls this; by hand it serves clusters of your own. Started by
torchrun, in as many processes as the recipe asks for devices, it trains one stage in them all."""


def stage_command(arguments: list[str]) -> int:
    """``rsoup stage``."""
    options = parse(_parser(), arguments)
    if options.cores:  # before torch is imported, which looks at them once
        _tie(options.cores)
    if options.lifeline is not None:
        hang_on(options.lifeline)
    run = user_path(options.run)
    if not (run / "config.yaml").exists():
        raise RunFolderError(f"{run} is no run: give the folder of one that rsoup soup has begun")
    if options.stage is None:
        return _list(run)
    if options.stage == "-":
        return _serve(run)
    from rsoup_lightning.run.console.progress import RunProgress
    from rsoup_lightning.run.worker import Worker

    with quiet(), RunProgress(options.stage, 0) as progress, closing(Worker(run, progress)) as worker:
        worker.compute(options.stage)
    return 0


def _tie(cores: list[int]) -> None:
    """Have this process compute on these CPU cores alone."""
    try:
        os.sched_setaffinity(0, cores)
    except (AttributeError, OSError, ValueError, OverflowError):
        raise ConfigError(f"cores {' '.join(map(str, cores))}: no process can be tied to these here") from None


def _parser() -> ArgumentParser:
    parser = ArgumentParser(prog="rsoup stage", description=DESCRIPTION, exit_on_error=False)
    parser.add_argument("run", type=str, help="run folder of rsoup soup")
    dash = "; - reads names from standard input, tells of each in lines of JSON, and ends at once when the input does"
    parser.add_argument("stage", type=str | None, nargs="?", default=None, help=f"name of the stage{dash}")
    parser.add_argument("--cores", type=int, nargs="+", default=[], help="numbers of the CPU cores to compute on")
    pipe = "number of a pipe that is open here: this process and its group end when its far end does (Linux)"
    parser.add_argument("--lifeline", type=int | None, default=None, help=pipe)
    return parser


def _list(run: Path) -> int:
    """Print every stage, and whether it is finished."""
    from rsoup_lightning.run.console.progress import RunProgress
    from rsoup_lightning.run.worker import Worker

    with quiet(), RunProgress("stages", 0) as progress:
        worker = Worker(run, progress)
        seeds = sorted(folder for folder in run.glob("seed-*") if (folder / "config.yaml").exists())
        for folder in seeds or [run]:
            experiment = worker.experiment(folder)
            finished = experiment.finished
            prefix = f"{folder.name}/" if seeds else ""
            for name in experiment.graph:
                print(f"{'finished' if name in finished else 'not yet':<9}{prefix}{name}")
    return 0


def _serve(run: Path) -> int:
    """Compute what standard input names, for a driver."""
    names: SimpleQueue[str] = SimpleQueue()
    Thread(target=_listen, args=(names,), daemon=True).start()
    from rsoup_lightning.run.console.progress import listening
    from rsoup_lightning.run.launchers.messages import Messages
    from rsoup_lightning.run.worker import Worker

    messages = Messages.on_stdout()
    with quiet(), listening(messages.say):
        worker = Worker(run, messages)
        worker.warm_up()
        while True:
            messages.ended(worker.attempt(names.get()))


def _listen(names: SimpleQueue[str]) -> None:
    for line in sys.stdin:
        names.put(line.strip())
    # The driver has left, or was killed: nobody waits for what is computed, and a checkpoint is there.
    if os.getsid(0) == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(0)
