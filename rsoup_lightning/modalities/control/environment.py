"""Vectorised simulators as an environment: fixed-length rollouts to train on, whole episodes to evaluate.

Notation: B = N simulator copies, T steps, O observation size, A action size, R entries of a reward vector.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from rsoup_lightning.environment import Environment, Shown
from rsoup_lightning.errors import ConfigError, SimulationError, check_at_least_one
from rsoup_lightning.mixture import Mixture, Rows
from rsoup_lightning.modalities.control.categorical import CategoricalMLP
from rsoup_lightning.modalities.control.curves import curves_of_episode
from rsoup_lightning.modalities.control.film import film_episode
from rsoup_lightning.modalities.control.gaussian import LOG_STD, GaussianMLP
from rsoup_lightning.modalities.control.player import Player
from rsoup_lightning.modalities.control.playing import Acting
from rsoup_lightning.modalities.control.policy import ActorCritic, ControlPolicy
from rsoup_lightning.modalities.control.recording import Recording
from rsoup_lightning.modalities.control.simulator import Simulator, SimulatorStep
from rsoup_lightning.modalities.control.simulators import Backend, choose_backend, make_simulator
from rsoup_lightning.modalities.control.single import first_step, make_single, step_limit
from rsoup_lightning.modalities.control.spaces import ChoiceActions, actions_of
from rsoup_lightning.modalities.running_calls import RunningCalls
from rsoup_lightning.policy import Policy
from rsoup_lightning.rollout import Rollout
from rsoup_lightning.threads import one_thread

EVALUATION_SEED = 2**30  # evaluation starts are seeded from here on, apart from those drawn for training
DEVELOPMENT_SEED = 2**30 + 2**29  # and those of development, apart from both
DIVERGED = "the policy decides on actions that are NaN: its training has diverged, lower the learning rate"


class SimulatorEnvironment(Environment):
    """N copies of a Gymnasium environment.

    Actions are numbers (Box) or choices (Discrete, MultiDiscrete, MultiBinary); observations that are no box of numbers
    go through Gymnasium's wrappers (:func:`plain_observations`). An environment without a step limit gets one of 1000.

    Rollouts carry, per step: ``observations [B, T, O]``, ``actions [B, T, A]`` as the policy chose them, ``applied
    [B, T, A]`` as the environment got them (numbers clipped to its box, choices from its first number on),
    ``native_reward [B, T]`` or ``reward_vector [B, T, R]``, and the numbers of the environment's ``info`` under their
    keys (:func:`signal`), such as ``x_velocity [B, T]`` in m/s. An epoch starts all copies afresh, which counts as a
    truncation.

    Args:
        env_id: Gymnasium's name, or ``module:Id`` for an environment that ``module`` registers.
        num_envs: copies N that train in parallel, in each process.
        horizon: steps T of a training rollout.
        rollouts_per_epoch: training rollouts per epoch, of all processes; a checkpoint is written after each epoch.
        eval_episodes: whole episodes per policy and evaluation, always from the same seeds.
        eval_batch_size: episodes per policy at a time, to bound memory; 0 plays all at once.
        backend: who steps the simulator; ``auto`` takes envpool where it is installed and plays the same, and ``warp``
            a GPU (extra warp), for some bodies of MuJoCo.
        options: keyword arguments of the environment, and ``max_episode_steps``.

    Raises:
        SimulationError: an environment that cannot be made, or whose spaces or rewards do not fit.
        ConfigError: a count that is too small.
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
        check_at_least_one(num_envs=num_envs, horizon=horizon)
        check_at_least_one(rollouts_per_epoch=rollouts_per_epoch, eval_episodes=eval_episodes)
        if eval_batch_size < 0:
            raise ConfigError(f"eval_batch_size is {eval_batch_size}: give episodes at a time, or 0 for all at once")
        self.env_id = env_id
        self.num_envs = self.entries = num_envs
        self.horizon = horizon
        self.rollouts_per_epoch = rollouts_per_epoch
        self.eval_episodes = eval_episodes
        self.eval_batch_size = eval_batch_size or eval_episodes
        self.options = dict(options or {})
        single = make_single(env_id, self.options)
        self.options |= step_limit(single, env_id, self.options)
        self.observation_shape = single.observation_space.shape or ()
        self.actions = actions_of(single)
        seen = first_step(single, self.actions)
        self.reward_size, self.signals = seen.reward_size, seen.signals
        self.backend = choose_backend(single, env_id, backend, self.options)
        single.close()
        self._simulator: Simulator | None = None
        self._observations = np.empty(0)
        self._resetting = np.zeros(num_envs, dtype=bool)

    @property
    def steps_per_epoch(self) -> int:
        """Simulator steps of an epoch's rollouts."""
        return self.rollouts_per_epoch * self.num_envs * self.horizon

    @property
    def observation_size(self) -> int:
        """O."""
        return math.prod(self.observation_shape)

    @property
    def action_size(self) -> int:
        """A."""
        return self.actions.size

    def policy(self, hidden: Sequence[int] = (64, 64), log_std: float | None = None) -> ActorCritic:
        """An MLP policy for these observations and actions: Gaussian for numbers, categorical for choices.

        Args:
            hidden: width of each hidden layer.
            log_std: logarithm of the actions' standard deviation at the start; of numbers only, default -0.5.

        Raises:
            ConfigError: ``log_std`` for choices, which have none.
        """
        if not isinstance(self.actions, ChoiceActions):
            return GaussianMLP(self.observation_size, self.action_size, hidden, LOG_STD if log_std is None else log_std)
        if log_std is not None:
            raise ConfigError(f"log_std is {log_std}, but actions of {self.env_id!r} are choices: leave it out")
        return CategoricalMLP(self.observation_size, self.actions.options, hidden)

    def train_batches(self) -> Iterable[int]:
        return DataLoader(range(self.rollouts_per_epoch), batch_size=None)  # type: ignore[arg-type]

    def eval_batches(self) -> Iterable[Tensor]:
        return self._batches(EVALUATION_SEED)

    def dev_batches(self) -> Iterable[Tensor]:
        return self._batches(DEVELOPMENT_SEED)

    def _batches(self, first: int) -> Iterable[Tensor]:
        seeds = range(first, first + self.eval_episodes)
        return DataLoader(seeds, batch_size=self.eval_batch_size)  # type: ignore[arg-type]

    def begin(self, seed: int, rank: int = 0) -> None:
        self.close()
        numbers = np.random.SeedSequence(seed).generate_state(self.num_envs * (rank + 1))
        seeds = numbers[-self.num_envs :] % EVALUATION_SEED
        self._simulator = make_simulator(self.env_id, seeds.tolist(), self.backend, self.options)
        self._observations = self._finite(self._simulator.reset())
        self._resetting[:] = False

    @torch.no_grad()
    def rollout(self, policy: Policy, batch: Any, *, completions: int = 1, greedy: bool = False) -> Rollout:
        if completions != 1 or greedy:
            raise ConfigError(
                "a simulator cannot be asked the same thing twice: choose PPO, REINFORCE or RewardWeightedRegression, "
                "with one completion"
            )
        if self._simulator is None:
            raise ConfigError("call begin(seed) before the first rollout of an epoch")
        explore, recording = _control(policy).explorer(self.horizon, self.num_envs), Recording()
        with one_thread():  # torch's idle workers spin for a while, and would take that time from the simulator's
            for _ in range(self.horizon):
                seen = self._observations
                result = self._step(self._simulator, recording, seen, explore(seen), counted=~self._resetting)
                self._observations, self._resetting = result.observations, result.terminated | result.truncated
        log_probs = explore.log_probs()
        if not log_probs.isfinite().all():
            raise SimulationError(DIVERGED)
        return recording.rollout(log_probs, last_observations=self._observations)

    @torch.no_grad()
    def evaluate(self, policy: Policy, batch: Tensor) -> Rollout:
        seeds = batch.repeat(policy.members)
        simulator = make_simulator(self.env_id, seeds.tolist(), self.backend, self.options)
        play, recording = _control(policy).player(), Recording()
        observations, playing = self._finite(simulator.reset()), np.ones(len(seeds), dtype=bool)
        with one_thread():
            while playing.any():
                result = self._step(simulator, recording, observations, play(observations), counted=playing)
                observations, playing = result.observations, playing & ~(result.terminated | result.truncated)
        simulator.close()
        # Greedy actions were not sampled: they have no density.
        log_probs = torch.zeros(len(seeds), len(recording), device=_control(policy).device)
        return recording.rollout(log_probs, last_observations=observations, id=seeds)

    def _step(
        self,
        simulator: Simulator,
        recording: Recording,
        seen: NDArray[Any],
        actions: NDArray[Any],
        counted: NDArray[Any],
    ) -> SimulatorStep:
        """Take ``actions [N, A]`` at the observations ``seen [N, ...]``, and record it."""
        applied = self._applied(actions)
        result = simulator.step(self.actions.native(applied))
        self._finite(result.observations)
        recording.add(seen, actions, applied, result, counted=counted)
        return result

    def decide(self, play: Player, observations: NDArray[Any]) -> NDArray[Any]:
        """``[N, ...]`` actions as the environment takes them, at ``observations [N, ...]``.

        Raises:
            SimulationError: one of them is NaN.
        """
        return self.actions.native(self._applied(play(observations)))

    def _applied(self, actions: NDArray[Any]) -> NDArray[Any]:
        """``[N, A]`` what the environment gets for a policy's ``actions [N, A]``."""
        if not np.isfinite(actions).all():
            raise SimulationError(DIVERGED)
        return self.actions.applied(actions)

    def _finite(self, observations: NDArray[Any]) -> NDArray[Any]:
        if not np.isfinite(observations).all():
            raise SimulationError(f"{self.env_id!r} gave an observation that is NaN or infinite")
        return observations

    def shown(self, rollout: Rollout, count: int) -> list[Shown]:
        return [curves_of_episode(rollout, row, self.actions) for row in range(count)]

    def film(self, policy: Policy, path: Path) -> bool:
        play = _control(policy).player()
        act = lambda observation: self.decide(play, observation[None])[0]  # noqa: E731
        return film_episode(self.env_id, self.options, act, path, seed=EVALUATION_SEED)

    def player(self, rows: Rows) -> Acting:
        return Acting(rows, self.observation_shape, self.decide, partial(make_single, self.env_id, self.options))

    def running(self, soup: Mixture, **limits: int) -> RunningCalls[Any]:
        """Each row is given an observation, and makes an action of it."""
        return RunningCalls(soup, lambda rows, seen: list(self.player(rows).act(list(seen))), **limits)

    def close(self) -> None:
        if self._simulator is not None:
            self._simulator.close()
            self._simulator = None


def _control(policy: Policy) -> ControlPolicy:
    if not isinstance(policy, ControlPolicy):
        raise ConfigError(f"a simulator needs a ControlPolicy, not {type(policy).__name__}")
    return policy
