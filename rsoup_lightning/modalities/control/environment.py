"""Vectorised simulators as an environment: fixed-length rollouts to train on, whole episodes to evaluate.

Notation: B = N simulator copies, T steps, O observation size, A action size, M members of a stacked policy.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium.spaces import Box
from torch import Tensor
from torch.utils.data import DataLoader

from rsoup_lightning.environment import Environment, Sample
from rsoup_lightning.errors import ConfigError, SimulationError
from rsoup_lightning.modalities.control.film import film_episode
from rsoup_lightning.modalities.control.policy import ControlPolicy, gaussian_log_prob
from rsoup_lightning.modalities.control.simulators import (
    Backend,
    Simulator,
    SimulatorStep,
    make_simulator,
    make_single,
    reward_size,
)
from rsoup_lightning.policy import Policy
from rsoup_lightning.rollout import Rollout
from rsoup_lightning.threads import one_thread

EVALUATION_SEED = 2**30  # evaluation starts are seeded from here on, apart from those drawn for training
CURVE_POINTS = 100  # of a sample's curves in the report


class SimulatorEnvironment(Environment):
    """N copies of a Gymnasium environment with a box of actions.

    Rollouts carry, per step: ``observations [B, T, O]``, ``actions [B, T, A]`` as the policy chose them, ``applied
    [B, T, A]`` as the simulator got them, clipped to the action box, ``native_reward [B, T]`` or ``reward_vector
    [B, T, R]``, and ``x_velocity [B, T]`` in m/s where the simulator reports it. An epoch starts all copies afresh,
    which counts as a truncation.

    Args:
        env_id: Gymnasium's or MO-Gymnasium's name.
        num_envs: copies N that train in parallel.
        horizon: steps T of a training rollout.
        rollouts_per_epoch: training rollouts per epoch; a checkpoint is written after each epoch.
        eval_episodes: whole episodes per policy and evaluation, always from the same seeds.
        eval_batch_size: episodes per policy at a time, to bound memory; 0 plays all at once.
        backend: who steps the simulator.
        options: keyword arguments of the environment.
    """

    unit = "simulator steps"

    def __init__(
        self,
        env_id: str,
        num_envs: int = 64,
        horizon: int = 64,
        rollouts_per_epoch: int = 16,
        eval_episodes: int = 32,
        eval_batch_size: int = 0,
        backend: Backend = "auto",
        options: dict[str, Any] | None = None,
    ) -> None:
        if min(num_envs, horizon, rollouts_per_epoch, eval_episodes) < 1:
            raise ConfigError("num_envs, horizon, rollouts_per_epoch and eval_episodes must all be at least 1")
        self.env_id = env_id
        self.num_envs = num_envs
        self.horizon = horizon
        self.rollouts_per_epoch = rollouts_per_epoch
        self.eval_episodes = eval_episodes
        self.eval_batch_size = eval_batch_size or eval_episodes
        self.backend: Backend = backend
        self.options = options or {}
        single = make_single(env_id, self.options)
        if not isinstance(single.action_space, Box) or not isinstance(single.observation_space, Box):
            raise SimulationError(f"{env_id!r} has actions {single.action_space}: only boxes of numbers are supported")
        if single.spec is None or single.spec.max_episode_steps is None:
            raise SimulationError(f"{env_id!r} has no step limit: its evaluation would not end; register it with one")
        self.observation_size = int(np.prod(single.observation_space.shape))
        self._low, self._high = single.action_space.low, single.action_space.high
        self.reward_size = reward_size(single)
        single.close()
        self._simulator: Simulator | None = None
        self._observations = np.empty(0)
        self._resetting = np.zeros(num_envs, dtype=bool)

    @property
    def action_size(self) -> int:
        """A."""
        return len(self._low)

    def train_batches(self) -> Iterable[int]:
        return DataLoader(range(self.rollouts_per_epoch), batch_size=None)  # type: ignore[arg-type]

    def eval_batches(self) -> Iterable[Tensor]:
        seeds = range(EVALUATION_SEED, EVALUATION_SEED + self.eval_episodes)
        return DataLoader(seeds, batch_size=self.eval_batch_size)  # type: ignore[arg-type]

    def begin(self, seed: int) -> None:
        self.close()
        seeds = np.random.SeedSequence(seed).generate_state(self.num_envs) % EVALUATION_SEED
        self._simulator = make_simulator(self.env_id, seeds.tolist(), self.backend, self.options)
        self._observations = self._simulator.reset()
        self._resetting[:] = False

    @torch.no_grad()
    def rollout(self, policy: Policy, batch: Any, *, samples: int = 1, greedy: bool = False) -> Rollout:
        if samples != 1 or greedy:
            raise ConfigError(
                "a simulator cannot be asked the same thing twice: choose PPO, REINFORCE or RewardWeightedRegression"
            )
        if self._simulator is None:
            raise ConfigError("call begin(seed) before the first rollout of an epoch")
        play, log_std = _control(policy).player(), _control(policy).log_std.detach()
        noise = torch.randn(self.horizon, self.num_envs, self.action_size).to(log_std.device)
        offsets = (noise * log_std.exp()).cpu().numpy()
        recording = _Recording()
        with one_thread():  # torch's idle workers spin for a while, and would take that time from the simulator's
            for offset in offsets:
                observations = self._observations
                actions = play(observations) + offset
                applied = actions.clip(self._low, self._high)
                result = self._simulator.step(applied)
                recording.add(observations, actions, applied, result, counted=~self._resetting)
                self._observations, self._resetting = result.observations, result.terminated | result.truncated
        log_probs = gaussian_log_prob(noise, log_std).transpose(0, 1)
        return recording.rollout(log_probs, last_observations=self._observations)

    @torch.no_grad()
    def evaluate(self, policy: Policy, batch: Tensor) -> Rollout:
        seeds = batch.repeat(policy.members)
        simulator = make_simulator(self.env_id, seeds.tolist(), self.backend, self.options)
        play, recording = _control(policy).player(), _Recording()
        observations, playing = simulator.reset(), np.ones(len(seeds), dtype=bool)
        with one_thread():
            while playing.any():
                actions = play(observations)
                applied = actions.clip(self._low, self._high)
                result = simulator.step(applied)
                recording.add(observations, actions, applied, result, counted=playing)
                observations, playing = result.observations, playing & ~(result.terminated | result.truncated)
        simulator.close()
        # Greedy actions were not sampled: they have no density.
        log_probs = torch.zeros(len(seeds), len(recording), device=_control(policy).device)
        return recording.rollout(log_probs, last_observations=observations, id=seeds)

    def samples(self, rollout: Rollout, count: int) -> list[Sample]:
        return [_curves(rollout.rows(torch.tensor([row], device=rollout.mask.device))) for row in range(count)]

    def film(self, policy: Policy, path: Path) -> bool:
        play = _control(policy).player()

        def act(observation: np.ndarray) -> np.ndarray:
            return play(observation[None])[0].clip(self._low, self._high)

        return film_episode(self.env_id, self.options, act, path, seed=EVALUATION_SEED)

    def close(self) -> None:
        if self._simulator is not None:
            self._simulator.close()
            self._simulator = None


class _Recording:
    """Collects simulator steps and turns them into a rollout."""

    def __init__(self) -> None:
        self._steps: list[dict[str, np.ndarray]] = []
        self._signals: list[dict[str, np.ndarray]] = []

    def __len__(self) -> int:
        return len(self._steps)

    def add(
        self,
        observations: np.ndarray,
        actions: np.ndarray,
        applied: np.ndarray,
        result: SimulatorStep,
        *,
        counted: np.ndarray,
    ) -> None:
        """Add a step of all copies; ``counted [N]`` is false for copies that only reset."""
        self._steps.append(
            {
                "mask": counted,
                "terminated": result.terminated & counted,
                "truncated": result.truncated & counted,
                "observations": observations.reshape(len(observations), -1),
                "actions": actions,
            }
        )
        reward = "native_reward" if result.rewards.ndim == 1 else "reward_vector"
        signals = {"applied": applied, reward: result.rewards}
        if result.velocity is not None:
            signals["x_velocity"] = result.velocity
        self._signals.append(signals)

    def rollout(self, log_probs: Tensor, last_observations: np.ndarray, **context: Tensor) -> Rollout:
        """Everything added so far, on the device of ``log_probs [B, T]``."""
        steps, signals = _columns(self._steps), _columns(self._signals)
        flags = {name: torch.from_numpy(steps.pop(name)) for name in ("mask", "terminated", "truncated")}
        last = torch.from_numpy(last_observations.reshape(len(last_observations), -1)).float()
        return Rollout(
            log_probs=log_probs.cpu(),
            steps={name: torch.from_numpy(column).float() for name, column in steps.items()},
            signals={name: torch.from_numpy(column).float() for name, column in signals.items()},
            context={"last_observations": last, **context},
            mask=flags["mask"],
            terminated=flags["terminated"],
            truncated=flags["truncated"],
        ).to(log_probs.device)


def _columns(steps: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """T mappings of ``[B, ...]`` as one mapping of ``[B, T, ...]``; zero on the steps that lack a name.

    A step on which every copy resets reports no velocity: nothing moved, and nothing of it counts.
    """
    examples = {name: column for step in steps for name, column in step.items()}
    zeros = {name: np.zeros_like(example) for name, example in examples.items()}
    return {name: np.stack([step.get(name, zero) for step in steps], axis=1) for name, zero in zeros.items()}


def _control(policy: Policy) -> ControlPolicy:
    if not isinstance(policy, ControlPolicy):
        raise ConfigError(f"a simulator needs a ControlPolicy, not {type(policy).__name__}")
    return policy


def _curves(rollout: Rollout) -> Sample:
    """One episode as curves of about a hundred points."""
    length = int(rollout.counted)
    stride = max(1, length // CURVE_POINTS)
    series = {"‖a‖² (applied)": rollout["applied"][0].square().sum(-1)}
    if "x_velocity" in rollout:
        series["velocity (m/s)"] = rollout["x_velocity"][0]
    thinned = {name: [round(x, 4) for x in values[:length:stride].tolist()] for name, values in series.items()}
    return Sample(title=f"seed {int(rollout['id'][0])}", text=f"{length} steps", series=thinned)
