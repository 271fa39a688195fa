"""``rsoup soup``: the whole experiment, for one seed or several."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

from jsonargparse import Namespace

from rsoup_lightning.commands.recipe_command import quiet, task_class, with_recipe_files
from rsoup_lightning.errors import ConfigError
from rsoup_lightning.files import user_path, write_json
from rsoup_lightning.front.record import Record
from rsoup_lightning.front.seeds import combine_seeds
from rsoup_lightning.report.page import write_report
from rsoup_lightning.run.experiment import Experiment
from rsoup_lightning.run.folder import environment_record, opened
from rsoup_lightning.run.parsing import check_seed, parse
from rsoup_lightning.run.progress import RunProgress, listening, on_stderr
from rsoup_lightning.run.recipe import Recipe, recipe_parser


def soup_command(arguments: list[str]) -> int:
    """``rsoup soup``: the whole experiment, for one seed or several."""
    quiet()
    arguments = with_recipe_files(arguments)
    task, model_class = task_class(arguments)
    parser = recipe_parser(model_class)
    config = parse(parser, arguments)
    run_dir = user_path(config.pop("run_dir") or f"runs/{_run_name(config, task)}")
    seeds = [check_seed(seed) for seed in config.pop("seeds") or [config.seed_everything]]
    if len(set(seeds)) != len(seeds):
        raise ConfigError(f"--seeds names a seed twice: {seeds}")
    config.pop("config")
    with listening(on_stderr):
        recipe = Recipe.resolve(task, parser, config)
    several = len(seeds) > 1
    whole = opened(run_dir, recipe.resolved(seeds=seeds), environment_record(seeds, recipe.device))
    with RunProgress(run_dir.name, len(seeds) * recipe.all_epochs) as progress, whole if several else nullcontext():
        records, stages = [], []
        for seed in seeds:
            path = run_dir / f"seed-{seed}" if several else run_dir
            about = environment_record([seed], recipe.device)
            with opened(path, recipe.resolved(seed_everything=seed), about) as folder:
                for name, change in folder.changed_versions.items():
                    progress.say(f"note: {name} {change} since this run began; it may not end as an uninterrupted one")
                records.append(Experiment(recipe, seed, run_dir.resolve().name, folder, progress).run())
                stages.append(folder.stages)
                write_report(path, records[-1], shown=path / "shown", seeds=stages[-1:])
        if several:
            records = [combine_seeds(records)]
            write_json(run_dir / "front.json", records[0])
            write_report(run_dir, records[0], shown=run_dir / f"seed-{seeds[0]}" / "shown", seeds=stages)
        progress.say(_closing(run_dir, records[0]))
    return 0


def _run_name(config: Namespace, task: str) -> str:
    files = [Path(str(path)) for path in config.get("config") or []]
    return "-".join([task.replace(":", "."), *(file.stem for file in files)])


def _closing(run_dir: Path, record: Record) -> str:
    summary = record["summary"]
    volumes = "  ".join(
        f"{kind} {value:.3f}" for kind, value in summary["hypervolume_normalised"].items() if value is not None
    )
    lmc = summary["lmc"]
    return (
        f"normalised hypervolume: {volumes or 'none (the experts score the same)'}\n"
        f"LMC holds at {lmc['holds']} of {lmc['of']} interior λ (worst gap {lmc['worst_gap']:.4g})\n"
        f"open {run_dir / 'report.html'}"
    )
