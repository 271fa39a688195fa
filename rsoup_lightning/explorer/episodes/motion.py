"""A body in motion as lines: what is drawn of a simulator where nothing else can draw it.

Notation: G shapes of a body.
"""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np
from gymnasium.envs.mujoco import MujocoEnv

FLAT = 0.25  # a body this much lower than it is wide lies: it is seen from above
DIGITS = 3  # millimetres

Shape = list[float]
"""A thick line: two ends ``x, y, x, y`` and half its width, in metres."""


class Body:
    """The shapes of a MuJoCo body, seen from the side; from above if it lies flat.

    Args:
        simulator: which, unwrapped, and reset.
    """

    def __init__(self, simulator: MujocoEnv) -> None:
        model = simulator.model
        self._data = simulator.data
        drawn = [geom for geom in range(model.ngeom) if model.geom_bodyid[geom] and _length(model, geom) is not None]
        self._geoms = np.array(drawn, int)
        reach = [_length(model, geom) or (0.0, 0.0, 2) for geom in drawn]
        self._half = np.array([half for half, _, _ in reach])
        self._width = np.array([width for _, width, _ in reach])
        self._axis = np.array([axis for _, _, axis in reach], int)
        spread = np.ptp(self._data.geom_xpos[self._geoms], axis=0) if drawn else np.ones(3)
        self._seen = [0, 1] if spread[2] < FLAT * max(spread[1], 1e-9) else [0, 2]

    def __bool__(self) -> bool:
        return len(self._geoms) > 0

    @property
    def lies(self) -> bool:
        """Whether it is seen from above, and there is no ground to stand on."""
        return self._seen == [0, 1]

    def shapes(self) -> list[Shape]:
        """``[G]`` where they are now."""
        centers = self._data.geom_xpos[self._geoms]
        turned = self._data.geom_xmat[self._geoms].reshape(-1, 3, 3)
        along = turned[np.arange(len(turned)), :, self._axis] * self._half[:, None]
        ends = np.concatenate([(centers - along)[:, self._seen], (centers + along)[:, self._seen]], axis=1)
        return np.column_stack([ends, self._width]).round(DIGITS).tolist()


def body_of(simulator: Any) -> Body | None:
    """The body of a simulator; None where it has none that lines can draw."""
    if not isinstance(simulator.unwrapped, MujocoEnv):
        return None
    body = Body(simulator.unwrapped)
    return body if body else None


def _length(model: Any, geom: int) -> tuple[float, float, int] | None:
    """Half a shape's length, half its width and the axis it lies along; None of those that are no part of a body."""
    kind, size = mujoco.mjtGeom(int(model.geom_type[geom])), model.geom_size[geom]
    if kind in (mujoco.mjtGeom.mjGEOM_CAPSULE, mujoco.mjtGeom.mjGEOM_CYLINDER):
        return float(size[1]), float(size[0]), 2
    if kind == mujoco.mjtGeom.mjGEOM_SPHERE:
        return 0.0, float(size[0]), 2
    if kind in (mujoco.mjtGeom.mjGEOM_BOX, mujoco.mjtGeom.mjGEOM_ELLIPSOID):
        axis = int(np.argmax(size))
        width = float(np.median(size))
        return max(float(size[axis]) - width, 0.0), width, axis
    return None
