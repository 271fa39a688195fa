"""What does a λ sweep cost over the simulator itself? 11 λ in one vectorised pass, against bare stepping."""

from __future__ import annotations

import time

import torch
from timing import in_turns, report

from rsoup_lightning.callbacks import benchmark_soups
from rsoup_lightning.modalities.control.environment import EVALUATION_SEED
from rsoup_lightning.modalities.control.simulators import make_simulator
from rsoup_lightning.simplex import grid
from tasks.locomotion.module import LocomotionFineTuner

ENV, LAMBDAS, EPISODES, ROUNDS = "HalfCheetah-v5", 11, 32, 3


def _shaken(tensor: torch.Tensor) -> torch.Tensor:
    return tensor + torch.rand_like(tensor) / 9 if tensor.is_floating_point() else tensor


def main() -> None:
    """Measure and print."""
    module = LocomotionFineTuner(ENV, eval_episodes=EPISODES)
    weights = module.policy.weights()
    experts = [{name: _shaken(tensor) for name, tensor in weights.items()} for _ in range(2)]
    points = grid(2, LAMBDAS)

    def ours() -> float:
        start = time.perf_counter()
        scores = benchmark_soups(module, experts, points, module.environment.eval_batches())
        return sum(score.steps for score in scores) / (time.perf_counter() - start)

    def peer() -> float:
        copies = LAMBDAS * EPISODES
        start = time.perf_counter()
        simulator = make_simulator(ENV, list(range(EVALUATION_SEED, EVALUATION_SEED + copies)), "auto", {})
        simulator.reset()
        actions = (torch.rand(1000, copies, 6) * 2 - 1).numpy()
        for action in actions:
            simulator.step(action)
        simulator.close()
        return copies * 1000 / (time.perf_counter() - start)

    print(f"{ENV}: {LAMBDAS} λ × {EPISODES} episodes × 1000 steps, steps per second")
    result = in_turns(ours, peer, ROUNDS)
    print(f"\n{'sweep':<20}{result['ours']:>10,.0f} steps/s\n{'bare simulator':<20}{result['peer']:>10,.0f} steps/s")
    print(f"the sweep runs at {result['ratio']:.0%} of the simulator's own rate")
    report("locomotion_sweep", "steps/s", result)


if __name__ == "__main__":
    main()
