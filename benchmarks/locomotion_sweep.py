"""What does a λ sweep cost over the simulator itself? 11 λ in one vectorised pass, against bare stepping.

The simulator alone repeats the sweep's own episodes, seeds and actions: how long a step takes depends on the contacts
it must solve, so random actions would be another task (their rate is printed too).
"""

from __future__ import annotations

import time

import numpy as np
import torch
from timing import Rounds, in_turns, report

from rsoup_lightning.modalities.control.simulators import make_simulator
from rsoup_lightning.run.trainer.callbacks import benchmark_soups
from rsoup_lightning.simplex import grid
from tasks.locomotion.module import LocomotionFineTuner

ENV, LAMBDAS, EPISODES, ROUNDS = "HalfCheetah-v5", 11, 32, 5


def _shaken(tensor: torch.Tensor) -> torch.Tensor:
    return tensor + torch.rand_like(tensor) / 9 if tensor.is_floating_point() else tensor


def bare(seeds: list[int], actions: np.ndarray) -> float:
    """Steps per second of the simulator alone under ``actions [T, N, A]``."""
    start = time.perf_counter()
    simulator = make_simulator(ENV, seeds, "auto", {})
    simulator.reset()
    for action in actions:
        simulator.step(action)
    simulator.close()
    return actions.shape[0] * actions.shape[1] / (time.perf_counter() - start)


def main() -> None:
    """Measure and print."""
    rounds = Rounds.asked(ROUNDS)
    torch.manual_seed(0)
    module = LocomotionFineTuner(ENV, eval_episodes=EPISODES)
    weights = module.policy.weights()
    experts = [{name: _shaken(tensor) for name, tensor in weights.items()} for _ in range(2)]
    points = grid(2, LAMBDAS)
    (seeds,) = module.environment.eval_batches()
    played = module.environment.evaluate(module.policy.soups(experts)(points), seeds)
    actions = played["applied"].transpose(0, 1).contiguous().numpy()

    def sweep() -> float:
        start = time.perf_counter()
        scores = benchmark_soups(module, experts, points, module.environment.eval_batches())
        return sum(score.steps for score in scores) / (time.perf_counter() - start)

    print(f"{ENV}: {LAMBDAS} λ × {EPISODES} episodes × 1000 steps, steps per second")
    result = in_turns(sweep, lambda: bare(seeds.repeat(LAMBDAS).tolist(), actions), rounds)
    random = bare(seeds.repeat(LAMBDAS).tolist(), np.random.default_rng(0).uniform(-1, 1, actions.shape))
    print(f"\n{'sweep':<36}{result['ours']:>10,.0f} steps/s")
    print(f"{'simulator alone, the same episodes':<36}{result['peer']:>10,.0f} steps/s")
    print(f"{'simulator alone, random actions':<36}{random:>10,.0f} steps/s")
    print(f"the sweep runs at {result['ratio']:.0%} of the simulator's own rate")
    report("locomotion_sweep", "steps/s", result, random_actions=random)


if __name__ == "__main__":
    main()
