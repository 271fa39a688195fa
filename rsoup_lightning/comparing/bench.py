"""``rsoup_lightning.bench``: a suite run in a folder, or gone on with, up to its table."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rsoup_lightning.comparing.cell import Cell
from rsoup_lightning.comparing.cells import cells_of
from rsoup_lightning.comparing.page import write_bench_page
from rsoup_lightning.comparing.record import Bench, CellResult
from rsoup_lightning.comparing.suite import Suite, read_suite
from rsoup_lightning.errors import RSoupError, RunFolderError, StageError, UnknownNameError
from rsoup_lightning.files import read_json, user_path, write_json
from rsoup_lightning.run.console.progress import listening, on_stderr
from rsoup_lightning.run.console.quiet import quiet
from rsoup_lightning.run.folders.lock import only_process
from rsoup_lightning.run.launchers.launch import Launch, launch_of
from rsoup_lightning.run.launchers.launcher import LauncherName

PAGE = "bench.html"


def bench(
    suite: str | Path,
    run_dir: str | Path | None = None,
    *,
    launcher: LauncherName = "here",
    workers: int | None = None,
    slurm: Mapping[str, Any] | None = None,
) -> Bench:
    """Run all methods of a suite on its tasks under its seeds, and compare them; the same call again goes on.

    Args:
        suite: its file.
        run_dir: where its runs, bench.json and bench.html go; default: ``runs/`` and the file's name.
        launcher: who computes the stages of a run, as of :func:`soup`.
        workers: how many at a time.
        slurm: options of SLURM's jobs.

    Raises:
        RSoupError: whatever stops it; what was finished stays, and the same call goes on from there.
    """
    file = user_path(str(suite))
    output = output_of(suite, run_dir)
    launch = launch_of(launcher, workers, slurm)
    content = read_suite(file)
    with quiet(), listening(on_stderr):
        cells = cells_of(content, file.parent, output)
        check_cells(cells)
        with only_process(output):
            _freeze(content, output)
            result = Bench.of(file.stem, content, _run(cells, launch))
            result.write(output / "bench.json")
            write_bench_page(output / PAGE, result)
    return result


def output_of(suite: str | Path, run_dir: str | Path | None) -> Path:
    """Where all goes."""
    return user_path(str(run_dir or f"runs/{Path(suite).stem}"))


def _run(cells: list[Cell], launch: Launch | None) -> list[CellResult]:
    """Run all cells; one that fails keeps none of the others from it."""
    results: list[CellResult] = []
    failed: list[str] = []
    for number, cell in enumerate(cells, 1):
        name = f"{cell.task}/{cell.method}/seed-{cell.seed}"
        on_stderr(f"{name} ({number} of {len(cells)})")
        try:
            results += cell.run(launch, [each for each in cells[: number - 1] if _are_kin(each, cell)])
        except RSoupError as error:
            failed.append(f"{name}: {error}")
            on_stderr(f"{name} failed: {error}")
    if failed:
        raise StageError("; ".join(failed))
    return results


def _are_kin(one: Cell, other: Cell) -> bool:
    return (one.task, one.seed) == (other.task, other.seed)


def check_cells(cells: list[Cell]) -> None:
    """Require that rewards and the like have the names that recipes give them, before hours of what comes first.

    Raises:
        RSoupError: names the setting.
    """
    tasks = {cell.task: [each for each in cells if each.task == cell.task] for cell in cells}.values()
    left = [{cell.method: cell for cell in of_task} for of_task in tasks if not all(cell.finished for cell in of_task)]
    for methods in left:
        for cell in methods.values():
            cell.check_data()
    for methods in left:
        model, module = None, None
        for cell in (part for each in methods.values() for part in each.parts):
            if module is None or cell.recipe.config.model != model:  # which a method may change
                model, module = cell.recipe.config.model, cell.recipe.fine_tuner(cell.seed)
            cell.check(module)
            for reward in (reward for box in cell.boxes.values() for reward in box):
                if reward not in module.rewards:
                    raise UnknownNameError("reward", reward, module.rewards)


def _freeze(suite: Suite, output: Path) -> None:
    """Keep each task's boxes as they were before its first run: those that are chosen by results compare nothing.

    Raises:
        RunFolderError: it is not what it was.
    """
    for name, task in suite.tasks.items():
        file = output / name / "boxes.json"
        boxes = {key: {reward: [*ends] for reward, ends in box.items()} for key, box in task.boxes(name).items()}
        if not file.exists():
            write_json(file, boxes)
        elif (before := read_json(file, "choose another --run_dir")) != boxes:
            raise RunFolderError(
                f"the box of {name} is {boxes}, but was {before} when {output} began: "
                "put it back, or choose another --run_dir"
            )
