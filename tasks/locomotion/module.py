"""The locomotion fine-tuner: an MLP policy in a vectorised simulator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rsoup_lightning.errors import ConfigError, UnknownNameError
from rsoup_lightning.modalities.control import SimulatorEnvironment
from rsoup_lightning.modalities.control.rewards import Native
from rsoup_lightning.modalities.control.simulators import Backend
from rsoup_lightning.modalities.control.spaces import ChoiceActions
from rsoup_lightning.module import RewardFineTuner
from rsoup_lightning.rewards import Reward
from tasks.locomotion.rewards import VelocityLessEffort, guards, vector_rewards


class LocomotionFineTuner(RewardFineTuner):
    """Fine-tunes an MLP policy in an environment of Gymnasium, MO-Gymnasium or a module of yours.

    The policy is Gaussian where actions are numbers, categorical where they are choices.

    Args:
        env_id: the environment, such as HalfCheetah-v5 or mo-hopper-v5; module:Id for one that a module registers.
        rewards: names of rewards to compute, or reward name to class_path; default: what the environment has of risky,
            cautious and default, or the entries of its reward vector; and upright, a guard, of bodies that can fall.
        effort: what the cautious reward takes off for effort, α in m/s; null: 1, as in the paper.
        hidden: width of each hidden layer of actor and critic.
        log_std: logarithm of the actions' standard deviation at the start of init, where they are numbers; null: -0.5.
        num_envs: copies that train in parallel, in each process.
        horizon: simulator steps of a training rollout, per copy.
        rollouts_per_epoch: training rollouts per epoch, of all processes; a checkpoint is written after each epoch.
        eval_episodes: whole episodes per policy and evaluation, always from the same seeds.
        eval_batch_size: episodes per policy at a time, to bound memory; 0 plays all at once.
        backend: who steps the simulator; auto takes envpool where it is installed, warp a GPU (extra warp).
        env_options: keyword arguments of the environment, and max_episode_steps.
    """

    def __init__(
        self,
        env_id: str = "HalfCheetah-v5",
        rewards: dict[str, Reward] | list[str] | None = None,
        effort: float | None = None,
        hidden: Sequence[int] = (64, 64),
        log_std: float | None = None,
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
            policy=environment.policy(hidden, log_std),
            rewards=build_rewards(environment, rewards, effort),
            **kwargs,
        )


def build_rewards(
    environment: SimulatorEnvironment, rewards: Mapping[str, Reward] | Sequence[str] | None, effort: float | None = None
) -> dict[str, Reward]:
    """The given rewards, those called by given names, or all that fit the environment.

    Raises:
        UnknownNameError: a name that this task or environment does not have.
        ConfigError: none at all, or an effort that none of them asks for.
    """
    if rewards is not None and not rewards:
        raise ConfigError("rewards is empty: name one or more, or leave it out for all that the environment has")
    if isinstance(rewards, Mapping):
        chosen, asked = dict(rewards), False
    else:
        offered = _offered(environment, 1.0 if effort is None else effort)
        for name in rewards or ():
            if name not in offered:
                raise UnknownNameError(f"reward of {environment.env_id}", name, offered)
        chosen = {name: offered[name] for name in rewards or offered}
        asked = "cautious" in chosen
    if effort is not None and not asked:
        raise ConfigError(f"effort is {effort}, but no reward asks for it: leave it out, or let rewards name cautious")
    return chosen


def _offered(environment: SimulatorEnvironment, effort: float) -> dict[str, Reward]:
    watched = guards(environment.env_id)
    if environment.reward_size is not None:
        return vector_rewards(environment.env_id, environment.reward_size) | watched
    own: dict[str, Reward] = {}
    if "x_velocity" in environment.signals:
        own["risky"] = VelocityLessEffort(0.0)
        if not isinstance(environment.actions, ChoiceActions):  # the number of a choice is no effort
            own["cautious"] = VelocityLessEffort(effort)
    return own | {"default": Native()} | watched
