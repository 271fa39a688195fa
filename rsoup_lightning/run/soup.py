"""A recipe run in a folder, for one seed or several, up to the report."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path

from rsoup_lightning.files import write_json
from rsoup_lightning.front.record import Record
from rsoup_lightning.front.seeds import combine_seeds
from rsoup_lightning.report.page import write_report
from rsoup_lightning.run.experiment import Experiment
from rsoup_lightning.run.folder import environment_record, opened
from rsoup_lightning.run.progress import RunProgress
from rsoup_lightning.run.recipe import Recipe
from rsoup_lightning.run.stages import stages


def run_soup(recipe: Recipe, run_dir: Path, seeds: Sequence[int]) -> Record:
    """Run a recipe, or go on where it stopped, and write its front and report.

    Args:
        recipe: what to run.
        run_dir: the run folder; of several seeds each has a folder of its own in it.
        seeds: at least one.

    Returns:
        The content of front.json.

    Raises:
        RSoupError: whatever stops it; what was finished stays, and the same call goes on from there.
    """
    ready = [recipe.fine_tuner(seeds[0])]
    experts = recipe.check(ready[0])
    device = str(recipe.device)
    name, several = run_dir.resolve().name, len(seeds) > 1
    whole = opened(run_dir, recipe.resolved(seeds=list(seeds)), environment_record(seeds, device))
    trainings = stages(recipe.settings, experts, recipe.epochs)
    records, trained = [], []
    epochs = len(seeds) * sum(stage.epochs for stage in trainings)
    with RunProgress(name, epochs) as progress, whole if several else nullcontext():
        for seed in seeds:
            path = run_dir / f"seed-{seed}" if several else run_dir
            with opened(path, recipe.resolved(seed_everything=seed), environment_record([seed], device)) as folder:
                for what, change in folder.changed_versions.items():
                    progress.say(f"note: {what} {change} since this run began; it may not end as an uninterrupted one")
                run = partial(Experiment, recipe, experts, trainings, seed, name, folder, progress)
                # No name here keeps the model, so that it is gone before the next seed's is built.
                records.append(run(ready.pop() if ready else recipe.fine_tuner(seed)).run())
            gc.collect()  # a trainer and its module hold each other
            trained.append({stage.name: folder.stage(stage.name) for stage in trainings})
            write_report(path, records[-1], shown=path / "shown", seeds=trained[-1:])
    if several:
        records = [combine_seeds(records)]
        write_json(run_dir / "front.json", records[0])
        write_report(run_dir, records[0], shown=run_dir / f"seed-{seeds[0]}" / "shown", seeds=trained)
    return records[0]
