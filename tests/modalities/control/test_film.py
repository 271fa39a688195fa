from __future__ import annotations

from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.mujoco import MujocoEnv
from PIL import Image

from rsoup_lightning.modalities.control import SimulatorEnvironment, film


def _act(observation: np.ndarray) -> np.ndarray:
    return np.full(6, 0.5, dtype=np.float32)


def test_film_moves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if film.gl_backend() is None:
        pytest.skip("no OpenGL on this machine")
    monkeypatch.setattr(film, "FRAMES", 4)
    assert film.film_episode("HalfCheetah-v5", {}, _act, tmp_path / "a.webp", seed=1)
    with Image.open(tmp_path / "a.webp") as image:
        assert image.n_frames == 4
        first = np.asarray(image.convert("RGB")).astype(int)
        image.seek(3)
        assert np.abs(np.asarray(image.convert("RGB")) - first).max() > 50


def test_without_gl_there_is_one_line_and_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(film, "gl_backend", lambda: None)
    assert not film.film_episode("HalfCheetah-v5", {}, _act, tmp_path / "a.webp", seed=1)
    assert "no working OpenGL" in caplog.text
    assert not list(tmp_path.iterdir())


def test_a_drawing_that_fails_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(film, "gl_backend", lambda: "nonsense")
    assert not film.film_episode("HalfCheetah-v5", {}, _act, tmp_path / "a.webp", seed=1)
    assert not list(tmp_path.iterdir())


OWN = "tests.modalities.control.own"


def test_other_environments_draw_themselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four steps of five a second, each a frame, in shades that the environment counts its steps with."""
    monkeypatch.setattr(film, "gl_backend", lambda: None)
    environment = SimulatorEnvironment(f"{OWN}:Anything-v0", options={"action": "several", "observation": "dict"})
    assert environment.film(environment.policy(hidden=(4,)), tmp_path / "a.webp")
    with Image.open(tmp_path / "a.webp") as image:
        assert (image.n_frames, image.size) == (4, (320, 200))
        shades = []
        for frame in range(4):
            image.seek(frame)
            shades.append(np.asarray(image.convert("RGB")).mean())
    assert shades == pytest.approx([60, 120, 180, 240], abs=3)


def test_without_pictures_there_is_one_line_and_no_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert not film.film_episode(f"{OWN}:Signs-v0", {}, lambda observation: 0, tmp_path / "a.webp", seed=1)
    (line,) = caplog.records
    assert "Signs-v0 does not draw, its render_modes ['human'] are without 'rgb_array'" in line.getMessage()
    assert not list(tmp_path.iterdir())


def test_the_camera_follows_a_body_unless_another_is_asked_for() -> None:
    followed, still, pendulum = (
        gym.make(name, render_mode="rgb_array", **options).unwrapped
        for name, options in (("HalfCheetah-v5", {}), ("HalfCheetah-v5", {"camera_id": 0}), ("InvertedPendulum-v5", {}))
    )
    assert isinstance(followed, MujocoEnv) and isinstance(still, MujocoEnv) and isinstance(pendulum, MujocoEnv)
    assert followed.model.camera(film.camera_number(followed)).name == "track"
    assert film.camera_number(still) == 0 and film.camera_number(pendulum) == -1
