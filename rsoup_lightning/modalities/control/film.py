"""Animations of an episode as .webp. Drawing happens in a process of its own: a broken GL cannot hurt the run."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
from gymnasium.envs.mujoco import MujocoEnv

from rsoup_lightning.files import atomic
from rsoup_lightning.modalities.control.single import make_single

logger = logging.getLogger(__name__)

FRAMES = 90
STRIDE = 3  # simulator steps per frame, where there are more than ten a second
SIZE = {"width": 320, "height": 240}  # of what MuJoCo draws; pictures of others are shrunk to that width
GL_BACKENDS = ("egl", "osmesa")
NO_GL = "no working OpenGL here; install libegl1 or libosmesa6"
FOLLOWING = "track"  # what models call a camera that follows their body
CHECK = "import mujoco; mujoco.GLContext(8, 8).make_current()"


@cache
def gl_backend() -> str | None:
    """The MUJOCO_GL setting that works here: the user's own, else egl, else osmesa, else None."""
    chosen = os.environ.get("MUJOCO_GL")
    for name in [chosen] if chosen else GL_BACKENDS:
        probe = subprocess.run(
            [sys.executable, "-c", CHECK], env={**os.environ, "MUJOCO_GL": name}, capture_output=True, check=False
        )
        if probe.returncode == 0:
            return name
    return None


def camera_number(env: MujocoEnv) -> int:
    """Of the camera that films a body: the one that was asked for, or one of the model that follows it; -1: neither.

    Gymnasium's own choice stands still since its version 1.3, and bodies run out of the picture.
    """
    asked: int = env.mujoco_renderer.camera_id
    return asked if asked >= 0 else mujoco.mj_name2id(env.model, mujoco.mjtObj.mjOBJ_CAMERA, FOLLOWING)


def film_episode(
    env_id: str, options: dict[str, Any], act: Callable[[np.ndarray], np.ndarray], path: Path, *, seed: int
) -> bool:
    """Play the start of an episode and draw it to ``path``.

    Args:
        env_id: the environment.
        options: its keyword arguments.
        act: the environment's action at one of its observations.
        path: the .webp to write.
        seed: of the episode.

    Returns:
        False where the environment draws no pictures, MuJoCo finds no GL or the drawing fails; the log says which.
    """
    env = make_single(env_id, options)
    modes, is_mujoco = env.metadata.get("render_modes") or [], isinstance(env.unwrapped, MujocoEnv)
    if "rgb_array" not in modes:
        logger.warning("no films: %s does not draw, its render_modes %s are without 'rgb_array'", env_id, modes)
        return False
    backend = gl_backend()
    if backend is None and is_mujoco:
        logger.warning("no films: %s", NO_GL)
        return False
    observation, _ = env.reset(seed=seed)
    actions = []
    for _ in range(FRAMES * STRIDE):
        actions.append(act(observation))
        observation, _, terminated, truncated, _ = env.step(actions[-1])
        if terminated or truncated:
            break
    env.close()
    try:
        with tempfile.TemporaryDirectory() as folder, atomic(path) as temporary:
            np.save(Path(folder) / "actions.npy", np.stack(actions))
            drawn = {**(SIZE if is_mujoco else {}), **options}
            job = {"env_id": env_id, "options": drawn, "seed": seed, "actions": f"{folder}/actions.npy"}
            command = [sys.executable, "-m", __name__, json.dumps(job), str(temporary)]
            headless = {"SDL_VIDEODRIVER": "dummy", **({"MUJOCO_GL": backend} if backend else {})}
            subprocess.run(command, env={**os.environ, **headless}, capture_output=True, check=True)
    except subprocess.CalledProcessError as error:
        logger.warning("no film: drawing failed: %s", error.stderr.decode().strip().rpartition("\n")[2])
        return False
    return True


def draw(job: dict[str, Any], path: Path) -> None:
    """Replay the actions of ``job`` from its seed and write every third frame (of slow ones each) as an animation."""
    from PIL import Image

    env = make_single(job["env_id"], job["options"], render_mode="rgb_array")
    if isinstance(env.unwrapped, MujocoEnv):
        env.unwrapped.mujoco_renderer.camera_id = camera_number(env.unwrapped)
    rate = env.metadata.get("render_fps") or 20
    stride = STRIDE if rate > 10 else 1
    env.reset(seed=job["seed"])
    frames = []
    for index, action in enumerate(np.load(job["actions"])):
        env.step(action)
        if index % stride == 0:
            frames.append(Image.fromarray(np.asarray(env.render())))
            frames[-1].thumbnail((SIZE["width"], SIZE["width"]))
    milliseconds = int(1000 * stride / rate)
    with path.open("wb") as stream:
        frames[0].save(
            stream, "WEBP", save_all=True, append_images=frames[1:], duration=milliseconds, loop=0, quality=60
        )


if __name__ == "__main__":
    draw(json.loads(sys.argv[1]), Path(sys.argv[2]))
