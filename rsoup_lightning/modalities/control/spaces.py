"""Gymnasium's spaces as vectors of numbers: what a policy sees, and what it decides.

Notation: N simulator copies, A action size.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete, MultiBinary, MultiDiscrete
from gymnasium.wrappers import FlattenObservation, GrayscaleObservation, ResizeObservation
from numpy.typing import NDArray

from rsoup_lightning.errors import SimulationError

PICTURE_SIDE = 32  # pixels: pictures with a longer side are shrunk to a square of this


def plain_observations(env: gymnasium.Env) -> gymnasium.Env:
    """``env`` with observations that are a box of numbers, through Gymnasium's wrappers where they are not.

    Choices become one-hot, parts of a dictionary or tuple stand one after the other, and a picture (8 bits, height ×
    width or height × width × 3) with a side above 32 becomes a grey one of 32 × 32.

    Raises:
        SimulationError: a space of no fixed size, or a wrapper's package is not installed.
    """
    space = env.observation_space
    if is_plain(space):
        return env
    if isinstance(space, Box):
        return _small_picture(env)
    if not space.is_np_flattenable:
        raise SimulationError(
            f"{name_of(env)} has observations {space}, which have no fixed size: wrap it so that they do"
        )
    return FlattenObservation(env)


def is_plain(observations: gymnasium.Space[Any]) -> bool:
    """Whether observations are a box of numbers that needs no wrapper: no picture with a side above 32."""
    if not isinstance(observations, Box):
        return False
    shape = observations.shape
    return observations.dtype != np.uint8 or len(shape) not in (2, 3) or max(shape) <= PICTURE_SIDE


def _small_picture(env: gymnasium.Env) -> gymnasium.Env:
    shape = env.observation_space.shape
    assert shape is not None  # a box
    if len(shape) == 3 and shape[-1] != 3:
        raise SimulationError(f"{name_of(env)} has pictures of shape {shape}: expected height × width, or × 3 colours")
    try:
        return ResizeObservation(GrayscaleObservation(env) if len(shape) == 3 else env, (PICTURE_SIDE, PICTURE_SIDE))
    except gymnasium.error.DependencyNotInstalled:
        raise SimulationError(
            f"{name_of(env)} has pictures, and OpenCV, which shrinks them, is not installed: pip install opencv-python"
        ) from None
    except ValueError as error:
        raise SimulationError(f"{name_of(env)} has pictures of {env.observation_space}: {error}") from None


def name_of(env: gymnasium.Env) -> str:
    """The registered name of an environment, quoted."""
    return repr(env.spec.id if env.spec else type(env.unwrapped).__name__)


@dataclass(frozen=True)
class Actions(ABC):
    """A space of actions as vectors ``[A]``.

    Attributes:
        shape: of an action of the environment.
        dtype: of its entries.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    @abstractmethod
    def size(self) -> int:
        """A."""

    @abstractmethod
    def applied(self, actions: NDArray[Any]) -> NDArray[Any]:
        """``[N, A]`` what the environment gets for a policy's ``actions [N, A]``."""

    def native(self, applied: NDArray[Any]) -> NDArray[Any]:
        """``applied [N, A]`` in the environment's own shape and type, ``[N, ...]``."""
        return applied.reshape(-1, *self.shape).astype(self.dtype, copy=False)


@dataclass(frozen=True)
class NumberActions(Actions):
    """A box, which actions are clipped to, and rounded where it holds integers; its bounds may be infinite.

    Attributes:
        low: ``[A]``.
        high: ``[A]``.
    """

    low: NDArray[Any]
    high: NDArray[Any]

    @property
    def size(self) -> int:
        return len(self.low)

    def applied(self, actions: NDArray[Any]) -> NDArray[Any]:
        clipped = actions.clip(self.low, self.high)
        return np.rint(clipped) if np.issubdtype(self.dtype, np.integer) else clipped


@dataclass(frozen=True)
class ChoiceActions(Actions):
    """One or more choices among options.

    Attributes:
        options: how many each of the A choices has.
        start: ``[A]`` the environment's number of the first option of each.
    """

    options: tuple[int, ...]
    start: NDArray[Any]

    @property
    def size(self) -> int:
        return len(self.options)

    def applied(self, actions: NDArray[Any]) -> NDArray[Any]:
        return actions + self.start


def actions_of(env: gymnasium.Env) -> Actions:
    """The space of actions of ``env`` as vectors.

    Raises:
        SimulationError: it is of another kind than Box, Discrete, MultiDiscrete and MultiBinary, or has a NaN bound.
    """
    space = env.action_space
    match space:
        case Box():
            bounds = (space.low.reshape(-1), space.high.reshape(-1))
            if np.isnan(bounds).any():
                raise SimulationError(f"{name_of(env)} has a NaN among the bounds of its actions: {space}")
            return NumberActions(space.shape, space.dtype, *bounds)
        case Discrete():
            return ChoiceActions((), np.dtype(space.dtype), (int(space.n),), np.array([space.start]))
        case MultiDiscrete():
            options, start = space.nvec.reshape(-1), space.start.reshape(-1)
            return ChoiceActions(space.shape, np.dtype(space.dtype), tuple(options.tolist()), start)
        case MultiBinary():
            count = int(np.prod(space.shape))
            return ChoiceActions(space.shape, np.dtype(space.dtype), (2,) * count, np.zeros(count, dtype=int))
    raise SimulationError(
        f"{name_of(env)} has actions {space}: only Box, Discrete, MultiDiscrete and MultiBinary are supported"
    )
