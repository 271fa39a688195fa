"""Do two workers halve the time of two experts? ``--launcher local`` against one stage after another, in one process.

Two experts of locomotion, each trained with one thread on one CPU core. A rate counts pairs of experts an hour, from
the end of init to the end of the last expert; ``share`` is our time as a part of the peer's. It is a half at best, for
two cores share caches and memory: the seconds that each expert took by itself show how much. Workers start with a run,
and are ready when init is. Both runs must end with the same weights and front.json, byte for byte. Needs Linux, and two
cores that nobody else uses.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from timing import Rounds, in_turns, report

ROUNDS = 3
RECIPE = ["-c", "locomotion/quickstart", "--trainer.max_epochs", "4", "--soup.init_epochs", "0", "--soup.morl", "[]"]
SWEEP = ["--soup.grid", "3", "--soup.films", "false", "--model.eval_episodes", "8"]
LOCAL = ["--launcher", "local", "--workers", "2"]


def main() -> None:
    """Print a table and the closing line."""
    rounds = Rounds.asked(ROUNDS)
    first, second, *_ = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as name:
        ours, peer = Run(Path(name, "ours"), {first, second}, LOCAL), Run(Path(name, "peer"), {first}, [])
        result = in_turns(ours.rate, peer.rate, rounds)
        require_same(ours.folder, peer.folder)
    report("launchers", "pairs of experts/h", result, share=1 / result["ratio"])


class Run:
    """The same run, time and again.

    Args:
        folder: where; number after number is added.
        cores: of the CPU that it has.
        options: of ``rsoup soup``.
    """

    def __init__(self, folder: Path, cores: set[int], options: list[str]) -> None:
        self._place, self._cores, self._options, self._count = folder, cores, options, 0

    @property
    def folder(self) -> Path:
        """Of the last run."""
        return self._place / str(self._count)

    def rate(self) -> float:
        """Pairs of experts an hour."""
        self._count += 1
        command = [sys.executable, "-m", "rsoup_lightning", "soup", *RECIPE, *SWEEP, "--run_dir", str(self.folder)]
        done = subprocess.run(
            [*command, *self._options],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            preexec_fn=lambda: os.sched_setaffinity(0, self._cores),
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode:
            sys.exit(done.stderr)
        stages = self.folder / "stages"
        records = [*(stages / "experts").glob("*.json")]
        seconds = max(file.stat().st_mtime for file in records) - (stages / "init.json").stat().st_mtime
        each = " and ".join(f"{json.loads(file.read_text())['seconds']:.1f}" for file in records)
        print(f"  {self._place.name}: {seconds:.1f} s; the experts {each} s", flush=True)
        return 3600 / seconds


def require_same(one: Path, other: Path) -> None:
    """End the script unless two runs have the same weights and front.json, byte for byte."""
    for file in (one / "front.json", *one.rglob("policy.safetensors")):
        if file.read_bytes() != (other / file.relative_to(one)).read_bytes():
            sys.exit(f"{file.relative_to(one)} is not the same in both runs")


if __name__ == "__main__":
    main()
