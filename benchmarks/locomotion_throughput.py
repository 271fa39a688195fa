"""Is PPO here as fast as it can be? Training steps per second against the PPO of others, same settings.

HalfCheetah-v5, 64 environments × 64 steps, minibatch 1024, 4 epochs, 64-64 tanh, Adam; whole training loops with
their logging. Peers are stable-baselines3, SBX (in JAX) and a loop in one file in CleanRL's way, all on envpool
(``ppo_peers.py``); the ratio is that to the fastest. Also the share of the simulator's own stepping rate. Needs the
extras ``bench`` and ``fast``.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import lightning as L
import numpy as np
import torch
from ppo_peers import Work, peers
from timing import Rounds, all_in_turns, in_turns, report

from rsoup_lightning.algorithms import PPO
from rsoup_lightning.modalities.control.simulators import Backend, make_simulator
from rsoup_lightning.run.trainer.trainer_settings import QUIET_TRAINER
from tasks.locomotion.module import LocomotionFineTuner

ENV, ENVS, HORIZON, ROLLOUTS, ROUNDS = "HalfCheetah-v5", 64, 64, 8, 7


class Stopwatch(L.Callback):
    """Seconds per epoch, the start of the simulators and the logging included."""

    def on_train_epoch_start(self, *args: Any) -> None:
        self.start = time.perf_counter()

    def on_train_epoch_end(self, *args: Any) -> None:
        self.seconds = time.perf_counter() - self.start


def ours(
    backend: Backend = "auto",
    envs: int = ENVS,
    device: str = "cpu",
    horizon: int = HORIZON,
    rollouts: int = ROLLOUTS,
) -> float:
    """Training steps per second of the second epoch."""
    module = LocomotionFineTuner(
        ENV,
        backend=backend,
        num_envs=envs,
        horizon=horizon,
        rollouts_per_epoch=rollouts,
        algorithm=PPO(epochs=4, minibatch_size=1024),
        optimizer=partial(torch.optim.Adam, lr=3e-4, fused=True),
    )
    watch = Stopwatch()
    trainer = L.Trainer(
        max_epochs=2, accelerator=device, devices=1, callbacks=[watch], log_every_n_steps=16, **QUIET_TRAINER
    )
    trainer.fit(module)
    return rollouts * envs * horizon / watch.seconds


def simulator_limit(copies: int = ENVS, steps: int = 1000) -> float:
    """Steps per second of the simulator alone under random actions."""
    simulator = make_simulator(ENV, list(range(copies)), "auto", {})
    simulator.reset()
    actions = np.random.default_rng(0).uniform(-1, 1, (steps, copies, 6)).astype(np.float32)
    start = time.perf_counter()
    for action in actions:
        simulator.step(action)
    seconds = time.perf_counter() - start
    simulator.close()
    return copies * steps / seconds


def main() -> None:
    """Measure and print."""
    rounds = Rounds.asked(ROUNDS)
    print(f"{ENV}, {ENVS} x {HORIZON} steps per rollout, training steps per second")
    work = Work(ENV, ENVS, HORIZON, ROLLOUTS)
    there, absent = peers()
    if absent:
        print(f"not installed: {', '.join(absent)}: pip install 'rsoup_lightning[bench,fast]'")
    if not there:
        raise SystemExit(1)
    results = all_in_turns(ours, {name: partial(rate, work) for name, rate in there.items()}, rounds.share(0.8))
    limit = in_turns(ours, simulator_limit, rounds.share(0.2))
    print(f"\n{'ours':<20}{limit['ours']:>10,.0f} steps/s")
    for name, against in results.items():
        print(f"{name:<20}{against['peer']:>10,.0f} steps/s   ours is {against['ratio']:.2f} times as fast")
    print(f"{'simulator alone':<20}{limit['peer']:>10,.0f} steps/s   ours trains at {limit['ratio']:.0%} of it")
    result = min(results.values(), key=lambda against: against["ratio"])
    others = {f"against {name}": against["ratio"] for name, against in results.items()}
    report(
        "locomotion_throughput", "steps/s", result, simulator=limit["peer"], share_of_simulator=limit["ratio"], **others
    )


if __name__ == "__main__":
    main()
