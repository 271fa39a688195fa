"""One environment by its name, ready for a policy of plain vectors."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import gymnasium
import mujoco
import numpy as np

from rsoup_lightning.errors import SimulationError, UnknownNameError, no_module
from rsoup_lightning.modalities.control.info import numbers, signal
from rsoup_lightning.modalities.control.spaces import Actions, name_of, plain_observations

STEP_LIMIT = 1000  # of an episode, where the environment has no limit of its own

logger = logging.getLogger(__name__)


def make_single(env_id: str, options: dict[str, Any], **kwargs: Any) -> gymnasium.Env:
    """One plain environment with a box of observations: for its spaces, or for pictures with ``render_mode``.

    Raises:
        UnknownNameError: no such environment; suggests the nearest name.
        SimulationError: a package is not installed, or the environment refuses its options or has no plain space.
    """
    _register(env_id)
    given = {"disable_env_checker": True, **options, **kwargs}
    with no_idle_warnings():
        try:
            env = gymnasium.make(env_id, **given)
        except Exception as error:  # anybody's constructor
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise SimulationError(f"cannot make environment {env_id!r} with {options}: {reason}") from error
        return plain_observations(env)


@dataclass(frozen=True)
class FirstStep:
    """What one step of an environment shows.

    Attributes:
        reward_size: R entries of its reward vector, or None where its reward is a plain number.
        signals: what a rollout calls the numbers that it reports beside.
    """

    reward_size: int | None
    signals: frozenset[str]


def first_step(env: gymnasium.Env, actions: Actions) -> FirstStep:
    """Take one step of ``env``.

    Raises:
        SimulationError: its reward is neither a number nor a vector.
    """
    env.reset(seed=0)
    _, given, _, _, info = env.step(actions.native(actions.applied(np.zeros((1, actions.size))))[0])
    reward = np.array(given, dtype=float)
    if reward.ndim > 1:
        raise SimulationError(f"{name_of(env)} gives a reward of shape {reward.shape}: expected a number or a vector")
    return FirstStep(len(reward) if reward.ndim else None, frozenset(signal(key) for key in numbers(info)))


def step_limit(env: gymnasium.Env, env_id: str, options: dict[str, Any]) -> dict[str, int]:
    """The option that limits the episodes of ``env``, made with ``options``; none where it has a limit.

    Raises:
        SimulationError: the options ask for none.
    """
    if env.spec is not None and env.spec.max_episode_steps is not None:
        return {}
    if "max_episode_steps" in options:
        raise SimulationError(f"{env_id!r} needs a max_episode_steps above 0: its evaluation would not end")
    _say_limit(env_id)
    return {"max_episode_steps": STEP_LIMIT}


@cache
def _say_limit(env_id: str) -> None:
    """Once, however many times a run makes the environment."""
    said = "%s is registered without a step limit: its episodes take at most %d steps; for another limit give "
    said += "gymnasium.register(max_episode_steps=) one, or model.env_options: {max_episode_steps: N}"
    logger.warning(said, env_id, STEP_LIMIT)


def _register(env_id: str) -> None:
    """Import what registers ``env_id``: the module before its colon, or MO-Gymnasium."""
    module, _, name = env_id.rpartition(":")
    if module:
        try:
            import_module(module)
        except ImportError as error:
            said = no_module(str(error), module)
            raise SimulationError(f"cannot import the module of environment {env_id!r}: {said}") from error
    has_mo = find_spec("mo_gymnasium") is not None
    if name not in gymnasium.registry and has_mo:
        import mo_gymnasium  # noqa: F401  registers its environments
    if name not in gymnasium.registry:
        unknown = UnknownNameError("environment", name, gymnasium.registry)
        if has_mo:
            raise unknown
        raise SimulationError(f"{unknown}. MO-Gymnasium is not installed: pip install 'rsoup_lightning[mo]'")


@contextmanager
def no_idle_warnings() -> Iterator[None]:
    """Without notes on what Gymnasium ships, its bodies' age and its boxes' precision: nobody here can act on them."""
    before = mujoco.get_mju_user_warning()
    mujoco.set_mju_user_warning(lambda message: None)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*(is out of date|precision lowered by casting).*")
            yield
    finally:
        mujoco.set_mju_user_warning(before)
