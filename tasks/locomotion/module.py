"""The locomotion fine-tuner: a Gaussian MLP in a vectorised simulator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rsoup_lightning.errors import UnknownNameError
from rsoup_lightning.modalities.control import GaussianMLP, SimulatorEnvironment
from rsoup_lightning.modalities.control.simulators import Backend
from rsoup_lightning.module import RewardFineTuner
from rsoup_lightning.rewards import Reward
from tasks.locomotion import TASK
from tasks.locomotion.rewards import vector_rewards


class LocomotionFineTuner(RewardFineTuner):
    """Fine-tunes a Gaussian MLP policy in a MuJoCo environment of Gymnasium or MO-Gymnasium.

    Args:
        env_id: the environment, such as HalfCheetah-v5, Humanoid-v5 or mo-hopper-v5.
        rewards: names of rewards to compute; default: risky, cautious and default, or the entries of the
            environment's reward vector.
        hidden: width of each hidden layer of actor and critic.
        log_std: logarithm of the actions' standard deviation at the start of init.
        num_envs: copies that train in parallel.
        horizon: simulator steps of a training rollout, per copy.
        rollouts_per_epoch: training rollouts per epoch; a checkpoint is written after each epoch.
        eval_episodes: whole episodes per policy and evaluation, always from the same seeds.
        eval_batch_size: episodes per policy at a time, to bound memory; 0 plays all at once.
        backend: who steps the simulator; auto takes envpool where it is installed.
        env_options: keyword arguments of the environment.
    """

    def __init__(
        self,
        env_id: str = "HalfCheetah-v5",
        rewards: Sequence[str] | None = None,
        hidden: Sequence[int] = (64, 64),
        log_std: float = -0.5,
        num_envs: int = 64,
        horizon: int = 64,
        rollouts_per_epoch: int = 16,
        eval_episodes: int = 32,
        eval_batch_size: int = 0,
        backend: Backend = "auto",
        env_options: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        environment = SimulatorEnvironment(
            env_id,
            num_envs=num_envs,
            horizon=horizon,
            rollouts_per_epoch=rollouts_per_epoch,
            eval_episodes=eval_episodes,
            eval_batch_size=eval_batch_size,
            backend=backend,
            options=env_options,
        )
        super().__init__(
            environment=environment,
            policy=GaussianMLP(environment.observation_size, environment.action_size, hidden, log_std),
            rewards=build_rewards(environment, rewards),
            **kwargs,
        )


def build_rewards(environment: SimulatorEnvironment, names: Sequence[str] | None) -> dict[str, Reward]:
    """The rewards called ``names``, or all that fit the environment.

    Raises:
        UnknownNameError: a name that this task or environment does not have.
    """
    if environment.reward_size == 1:
        return {name: TASK.reward(name) for name in names or TASK.rewards}
    entries = vector_rewards(environment.env_id, environment.reward_size)
    for name in names or ():
        if name not in entries:
            raise UnknownNameError(f"reward of {environment.env_id}", name, entries)
    return {name: entries[name] for name in names or entries}
