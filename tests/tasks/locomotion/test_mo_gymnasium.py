"""Everything that MO-Gymnasium registers is played, or says which package it lacks."""

from __future__ import annotations

from importlib.util import find_spec

import gymnasium
import mo_gymnasium  # noqa: F401  registers its environments
import pytest

from rsoup_lightning.errors import SimulationError
from rsoup_lightning.rewards import objectives, score
from tasks.locomotion.module import LocomotionFineTuner

IDS = [name for name, spec in gymnasium.registry.items() if "mo_gymnasium" in str(spec.entry_point)]
NEEDS = {
    "highway_env": ["mo-highway-v0", "mo-highway-fast-v0"],
    "Box2D": ["mo-lunar-lander-v3", "mo-lunar-lander-continuous-v3"],
    "gym_super_mario_bros": ["mo-supermario-v0"],
    "cv2": ["minecart-rgb-v0"],
}
"""By the module of a package that MO-Gymnasium does not install: who imports it."""

CALLED = {"cv2": "opencv-python"}


def test_there_are_many() -> None:
    assert len(IDS) >= 40


@pytest.mark.parametrize("env_id", IDS)
def test_it_plays_or_says_what_it_lacks(env_id: str) -> None:
    lacks = [module for module, names in NEEDS.items() if env_id in names and find_spec(module) is None]

    def play() -> LocomotionFineTuner:
        module = LocomotionFineTuner(
            f"mo_gymnasium:{env_id}",
            hidden=(4,),
            num_envs=2,
            horizon=6,
            eval_episodes=2,
            env_options={"max_episode_steps": 4},
        )
        module.environment.begin(0)
        rollout = module.environment.rollout(module.policy, 0)
        scores = score(module.rewards, rollout, moment="now")
        trained = objectives(module.rewards)
        assert len(trained) == rollout["reward_vector"].shape[-1] > 1
        assert all(scores[name].shape == (2, 6) for name in trained)
        assert (rollout.terminated | rollout.truncated)[:, :4].any(1).all()
        played = module.environment.evaluate(module.policy, next(iter(module.environment.eval_batches())))
        assert ((played.terminated | played.truncated).sum(1) == 1).all()
        module.environment.close()
        return module

    if lacks:
        with pytest.raises(SimulationError, match=CALLED.get(lacks[0], lacks[0])) as caught:
            play()
        assert "\n" not in str(caught.value)
    else:
        play()
