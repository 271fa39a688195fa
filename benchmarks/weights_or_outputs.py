"""Are experts' weights worth as much as their outputs, and at what cost? The same experts, mixed in both ways.

The λ of a grid play the evaluation entries of a run: with the experts' weights averaged, with their outputs mixed at
each step, and if they are denoisers also with one of them drawn for each step. Hypervolumes are normalised in the box
of the experts, which is the same for all; intervals are over evaluation entries, the same resamples for all. Then the λ
in the middle plays for the clock, in turns. Without a run, a small one of locomotion is trained first.
"""

from __future__ import annotations

import time
from argparse import ArgumentParser
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from timing import Rounds, in_turns, report, synchronise

from rsoup_lightning import soup
from rsoup_lightning.evaluation import Scores
from rsoup_lightning.front.geometry import normalised_hypervolume
from rsoup_lightning.front.intervals import TAILS, bootstrap_means
from rsoup_lightning.run.console.progress import RunProgress
from rsoup_lightning.run.experiment import Experiment
from rsoup_lightning.run.trainer.callbacks import benchmark_soups
from rsoup_lightning.run.worker import Worker
from rsoup_lightning.simplex import DRAWN, LINEAR, OUTPUTS, Coefficients, grid, one_hot, uniform

LAMBDAS, ROUNDS, RESAMPLES = 5, 3, 1000
SMALL = {
    "model.eval_episodes": 16,
    "model.rollouts_per_epoch": 8,
    "trainer.max_epochs": 4,
    "soup.init_epochs": 12,
    "soup.morl": [],
    "soup.grid": 2,
    "soup.films": False,
}


class Mixer:
    """The experts of a run, which play the first ``batches`` of its evaluation entries; None: all of them."""

    def __init__(self, run: Path, batches: int | None) -> None:
        with RunProgress(run.name, 0) as progress:
            self._run: Experiment = Worker(run, progress).experiment(run)
        self._module = self._run.module.to(self._run.recipe.device)
        self.experts = self._run.sweep.weights[: len(self._run.plan.experts)]
        self.unit = self._module.environment.unit
        self._batches = list(islice(self._module.environment.eval_batches(), batches))

    @property
    def mixings(self) -> list[str]:
        """In what ways they can be mixed."""
        drawn = self._module.policy.ensembles(self.experts, drawn=True) is not None
        return [LINEAR, OUTPUTS, *([DRAWN] if drawn else [])]

    def scores(self, points: Sequence[Coefficients], mixing: str) -> NDArray[np.float64]:
        """``[P, R, S]`` of the rewards that span the front, at P points λ."""
        played, names = self._play(points, mixing), self._run.plan.rewards
        return np.array([[each.rewards[name].double().cpu().numpy() for name in names] for each in played])

    def rate(self, mixing: str) -> float:
        """Steps per second at the λ that weighs all experts alike."""
        device = self._run.recipe.device.type
        synchronise(device)
        start = time.perf_counter()
        (played,) = self._play(uniform(len(self.experts)), mixing)
        synchronise(device)
        return played.steps / (time.perf_counter() - start)

    def _play(self, points: Sequence[Coefficients], mixing: str) -> list[Scores]:
        return benchmark_soups(self._module, self.experts, points, self._batches, mixing=mixing)


def trained(folder: Path) -> Path:
    """A small run of locomotion."""
    soup("locomotion/quickstart", folder, overrides=SMALL)
    return folder


def measure(run: Path, rounds: Rounds, batches: int | None) -> dict[str, float]:
    """Hypervolumes, their ratio and its interval, and what a step costs."""
    mixer = Mixer(run, batches)
    experts, alone = len(mixer.experts), one_hot(len(mixer.experts))
    between = [point for point in grid(experts, LAMBDAS) if point not in alone]
    corners = mixer.scores(alone, LINEAR)  # one expert is the same policy however it is mixed
    volumes: dict[str, float] = {}
    draws: dict[str, NDArray[np.float64]] = {}
    for mixing in mixer.mixings:
        scores = np.concatenate([corners, mixer.scores(between, mixing)])
        volumes[mixing] = normalised_hypervolume(scores.mean(-1), corners.mean(-1))
        resampled = np.moveaxis(bootstrap_means(scores, resamples=RESAMPLES), -1, 0)
        draws[mixing] = np.array([normalised_hypervolume(means, means[:experts]) for means in resampled])
    rates = {mixing: mixer.rate(mixing) for mixing in mixer.mixings}
    timed = in_turns(lambda: mixer.rate(LINEAR), lambda: mixer.rate(OUTPUTS), rounds)
    rates |= {LINEAR: timed["ours"], OUTPUTS: timed["peer"]}

    print(f"\n{run.name}: {len(between) + experts} λ × {corners.shape[-1]} entries; a step is one of {mixer.unit}")
    print(f"{'mixed':<14}{'hypervolume':>26}{'of that of outputs':>28}{'passes a step':>15}{'steps/s':>10}")
    for mixing, volume in volumes.items():
        passes, share = experts if mixing == OUTPUTS else 1, volume / volumes[OUTPUTS]
        own, ratio = interval(draws[mixing]), interval(draws[mixing] / draws[OUTPUTS])
        print(f"{mixing:<14}{volume:>10.3f} {own:>15}{share:>12.3f} {ratio:>15}{passes:>15}{rates[mixing]:>10,.0f}")
    low, high = np.quantile(draws[LINEAR] / draws[OUTPUTS], TAILS)
    return {
        "ours": volumes[LINEAR],
        "peer": volumes[OUTPUTS],
        "ratio": volumes[LINEAR] / volumes[OUTPUTS],
        "ratio_low": low,
        "ratio_high": high,
        "speedup": timed["ratio"],
        **({"drawn": volumes[DRAWN]} if DRAWN in volumes else {}),
    }


def interval(draws: NDArray[np.float64]) -> str:
    """95 % of resamples."""
    low, high = np.quantile(draws, TAILS)
    return f"[{low:.3f}, {high:.3f}]"


def main() -> None:
    """Measure and print."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="*", type=Path, help="finished runs of rsoup soup, each the folder of one seed")
    parser.add_argument("--batches", type=int, help="of evaluation entries (default: all)")
    rounds, given = Rounds.asked(ROUNDS, parser), parser.parse_args()
    with TemporaryDirectory() as folder:
        runs = given.runs or [trained(Path(folder) / "locomotion")]
        first, *others = [measure(run, rounds.share(1 / len(runs)), given.batches) for run in runs]
    named = zip(runs[1:], others, strict=True)
    more = {f"{key}_{run.name}": value for run, result in named for key, value in result.items()}
    report("weights_or_outputs", "normalised hypervolume", first, **more)


if __name__ == "__main__":
    main()
