"""PPO of others on envpool's simulators, with the settings that they are all compared at: training steps per second.

Each is at its best for few cores: simulators in envpool's threads, one process, networks on the CPU. stable-baselines3
and SBX get them through an adapter, as envpool's manual describes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from rsoup_lightning.threads import cores

MINIBATCH, EPOCHS, HIDDEN, LEARNING_RATE = 1024, 4, 64, 3e-4
GAMMA, LAMBDA, CLIP, VALUE_WEIGHT, MAX_NORM = 0.99, 0.95, 0.2, 0.5, 0.5


@dataclass(frozen=True)
class Work:
    """What is trained on, and how long."""

    env_id: str
    envs: int
    horizon: int
    rollouts: int

    @property
    def batch(self) -> int:
        """Steps of a rollout of all copies."""
        return self.envs * self.horizon

    @property
    def steps(self) -> int:
        """Of all that is timed."""
        return self.rollouts * self.batch


def peers() -> tuple[dict[str, Callable[[Work], float]], list[str]]:
    """Those that are installed, by name, and the names of the others."""
    every = {
        "stable-baselines3": (stable_baselines3, ("stable_baselines3",)),
        "SBX": (sbx, ("sbx",)),
        "CleanRL's loop": (cleanrl_style, ()),
    }
    there = {name: rate for name, (rate, needed) in every.items() if all(map(find_spec, ("envpool", *needed)))}
    return there, [name for name in every if name not in there]


def stable_baselines3(work: Work) -> float:
    """Steps per second of its PPO, after one rollout to warm up."""
    from stable_baselines3 import PPO

    net = {"net_arch": [HIDDEN, HIDDEN], "optimizer_kwargs": {"fused": True}}
    return _learning(PPO, work, policy_kwargs=net, device="cpu")


def sbx(work: Work) -> float:
    """Likewise, of SBX, which compiles its updates while it warms up."""
    from sbx import PPO

    return _learning(PPO, work, policy_kwargs={"net_arch": [HIDDEN, HIDDEN]})


def _learning(kind: Any, work: Work, **settings: Any) -> float:
    from stable_baselines3.common.vec_env import VecEnv

    class Pool(VecEnv):
        """envpool's copies; a copy that has ended is reset by its next step, which costs one transition an episode."""

        def __init__(self) -> None:
            self._pool = _pool(work)
            super().__init__(work.envs, self._pool.observation_space, self._pool.action_space)

        def reset(self) -> Any:
            return self._pool.reset()[0].astype(np.float32)

        def step_async(self, actions: Any) -> None:
            self._actions = actions

        def step_wait(self) -> Any:
            seen, rewards, terminated, truncated, _ = self._pool.step(self._actions.astype(np.float64))
            return seen.astype(np.float32), rewards, terminated | truncated, [{} for _ in range(work.envs)]

        def close(self) -> None:
            self._pool.close()

        def get_attr(self, attr_name: str, indices: Any = None) -> Any:
            return [None] * work.envs

        def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
            raise NotImplementedError

        def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> Any:
            raise NotImplementedError

        def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> Any:
            return [False] * work.envs

    pool = Pool()
    model = kind("MlpPolicy", pool, n_steps=work.horizon, batch_size=MINIBATCH, n_epochs=EPOCHS, **settings)
    model.learn(work.batch)
    start = time.perf_counter()
    model.learn(work.steps)
    seconds = time.perf_counter() - start
    pool.close()
    return work.steps / seconds


def cleanrl_style(work: Work) -> float:
    """Steps per second of a loop in one file, as in CleanRL's ``ppo_continuous_action``, after one rollout."""
    pool = _pool(work)
    inputs, outputs = pool.observation_space.shape[0], pool.action_space.shape[0]
    actor, critic = _mlp(inputs, outputs), _mlp(inputs, 1)
    log_std = nn.Parameter(torch.zeros(outputs))
    parameters = [*actor.parameters(), *critic.parameters(), log_std]
    optimizer = torch.optim.Adam(parameters, lr=LEARNING_RATE, eps=1e-5, fused=True)
    shape = (work.horizon, work.envs)
    seen, actions = torch.zeros(*shape, inputs), torch.zeros(*shape, outputs)
    log_probs, rewards, ended, values = (torch.zeros(shape) for _ in range(4))
    observation, done, start = torch.from_numpy(pool.reset()[0]).float(), torch.zeros(work.envs), 0.0
    for rollout in range(work.rollouts + 1):
        if rollout == 1:
            start = time.perf_counter()
        for step in range(work.horizon):
            seen[step], ended[step] = observation, done
            with torch.no_grad():
                policy = torch.distributions.Normal(actor(observation), log_std.exp(), validate_args=False)
                actions[step] = policy.sample()
                log_probs[step] = policy.log_prob(actions[step]).sum(-1)
                values[step] = critic(observation).squeeze(-1)
            after, reward, terminated, truncated, _ = pool.step(actions[step].double().numpy())
            rewards[step] = torch.from_numpy(reward)
            observation, done = torch.from_numpy(after).float(), torch.from_numpy(terminated | truncated).float()
        with torch.no_grad():
            last = critic(observation).squeeze(-1)
        advantages = _advantages(rewards, values, ended, last, done)
        flat = [each.flatten(0, 1) for each in (seen, actions, log_probs, advantages, advantages + values)]
        for _ in range(EPOCHS):
            for rows in torch.randperm(work.batch).split(MINIBATCH):
                states, taken, before, gains, returns = (each[rows] for each in flat)
                policy = torch.distributions.Normal(actor(states), log_std.exp(), validate_args=False)
                ratio = (policy.log_prob(taken).sum(-1) - before).exp()
                gains = (gains - gains.mean()) / (gains.std() + 1e-8)
                loss = torch.max(-gains * ratio, -gains * ratio.clamp(1 - CLIP, 1 + CLIP)).mean()
                loss = loss + VALUE_WEIGHT * 0.5 * (critic(states).squeeze(-1) - returns).square().mean()
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(parameters, MAX_NORM)
                optimizer.step()
    seconds = time.perf_counter() - start
    pool.close()
    return work.steps / seconds


def _advantages(rewards: Tensor, values: Tensor, ended: Tensor, last: Tensor, done: Tensor) -> Tensor:
    """``[T, N]`` by generalised advantage estimation."""
    advantages, running = torch.zeros_like(rewards), torch.zeros_like(last)
    for step in reversed(range(len(rewards))):
        final = step == len(rewards) - 1
        going = 1 - (done if final else ended[step + 1])
        error = rewards[step] + GAMMA * (last if final else values[step + 1]) * going - values[step]
        running = error + GAMMA * LAMBDA * going * running
        advantages[step] = running
    return advantages


def _mlp(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, outputs)
    )


def _pool(work: Work) -> Any:
    import envpool

    return envpool.make(work.env_id, env_type="gymnasium", num_envs=work.envs, num_threads=cores())
