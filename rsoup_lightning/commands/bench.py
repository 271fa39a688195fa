"""``rsoup bench``: its options, and the tables that it prints."""

from __future__ import annotations

from typing import Any, Literal

from jsonargparse import ArgumentParser
from rich.console import Console

from rsoup_lightning.comparing.bench import PAGE, bench, output_of
from rsoup_lightning.comparing.tables import tables
from rsoup_lightning.run.console.progress import on_stderr
from rsoup_lightning.run.console.signals import heeding_sigterm
from rsoup_lightning.run.launchers.launcher import LAUNCHERS
from rsoup_lightning.run.recipes.parsing import parse

DESCRIPTION = """Methods compared at equal cost: every method of a suite on every task under every seed, in
RUN_DIR/TASK/METHOD/seed-SEED: one of ours as an ordinary run of rsoup soup. Ends in tables, bench.json and bench.html.
Run it again to resume."""

WIDTH = 120  # columns of tables that no terminal shows


def bench_command(arguments: list[str]) -> int:
    """``rsoup bench``."""
    options = parse(_parser(), arguments).as_dict()
    markdown = options.pop("markdown")
    with heeding_sigterm():
        result = bench(**options)
    console = Console()
    if not console.is_terminal:
        console.width = WIDTH
    for table in tables(result):
        print(table.markdown()) if markdown else console.print(table.rich())
    on_stderr(f"open {output_of(options['suite'], options['run_dir']) / PAGE}")
    return 0


def _parser() -> ArgumentParser:
    parser = ArgumentParser(prog="rsoup bench", description=DESCRIPTION, exit_on_error=False)
    parser.add_argument("suite", type=str, help="a file: tasks, methods, seeds; see benchmarks/suites")
    parser.add_argument("--run_dir", type=str | None, default=None, help="where all goes; default runs/<suite>")
    parser.add_argument("--launcher", type=Literal[LAUNCHERS], default="here", help="as of rsoup soup, for each run")
    parser.add_argument("--workers", type=int | None, default=None, help="how many; default: one per GPU, or core")
    parser.add_argument("--slurm", type=dict[str, Any], default={}, help="options of SLURM's jobs")
    parser.add_argument("--markdown", action="store_true", help="print the tables in Markdown, for docs/results.md")
    return parser
