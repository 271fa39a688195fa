from __future__ import annotations

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box

from rsoup_lightning.errors import SimulationError
from rsoup_lightning.modalities.control import CategoricalMLP, GaussianMLP, SimulatorEnvironment
from rsoup_lightning.modalities.control.single import make_single
from rsoup_lightning.modalities.control.spaces import ChoiceActions, NumberActions, actions_of, is_plain
from tests.modalities.control.own import OBSERVATIONS

ANYTHING = "tests.modalities.control.own:Anything-v0"


def _environment(**options: str) -> SimulatorEnvironment:
    return SimulatorEnvironment(ANYTHING, num_envs=2, horizon=6, eval_episodes=2, options=options)


@pytest.mark.parametrize(
    ("action", "size", "policy"),
    [
        ("matrix", 4, GaussianMLP),
        ("unbounded", 2, GaussianMLP),
        ("whole numbers", 2, GaussianMLP),
        ("one of three", 1, CategoricalMLP),
        ("several", 4, CategoricalMLP),
        ("switches", 3, CategoricalMLP),
    ],
)
def test_actions_of_every_kind_reach_the_environment_in_its_own_form(action: str, size: int, policy: type) -> None:
    """The environment itself checks that each lies in its space."""
    environment = _environment(action=action)
    made = environment.policy(hidden=(4,))
    assert type(made) is policy
    environment.begin(0)
    rollout = environment.rollout(made, 0)
    assert rollout["actions"].shape == (2, 6, size)
    torch.testing.assert_close(made(rollout).log_probs.detach(), rollout.log_probs, atol=1e-4, rtol=1e-4)
    assert environment.evaluate(made, next(iter(environment.eval_batches())))["applied"].shape == (2, 4, size)
    environment.close()


def test_numbers_are_clipped_and_choices_counted_from_their_first() -> None:
    actions = actions_of(make_single(ANYTHING, {"action": "matrix"}))
    assert isinstance(actions, NumberActions)
    applied = actions.applied(np.array([[-3.0, 0.5, 1.0, 7.0]], dtype=np.float32))
    assert actions.native(applied).tolist() == [[[-2.0, 0.5], [1.0, 2.0]]]
    actions = actions_of(make_single(ANYTHING, {"action": "whole numbers"}))
    assert actions.native(actions.applied(np.array([[1.6, -4.0]]))).tolist() == [[2, 0]]
    actions = actions_of(make_single(ANYTHING, {"action": "one of three"}))
    assert isinstance(actions, ChoiceActions)
    assert actions.native(actions.applied(np.array([[0], [2]]))).tolist() == [-1, 1]
    actions = actions_of(make_single(ANYTHING, {"action": "several"}))
    assert actions.native(actions.applied(np.array([[1, 2, 3, 4]]))).tolist() == [[[1, 2], [3, 4]]]


def test_actions_that_no_policy_has() -> None:
    with pytest.raises(SimulationError, match=r"'Anything-v0' has actions Dict.*only Box, Discrete"):
        _environment(action="dict")
    env = make_single(ANYTHING, {})
    env.unwrapped.action_space = Box(-1, 1, (2,))
    env.unwrapped.action_space.low[1] = np.nan
    with pytest.raises(SimulationError, match="'Anything-v0' has a NaN among the bounds of its actions"):
        actions_of(env)


@pytest.mark.parametrize(("kind", "size"), [("grid", 6), ("one of four", 4), ("dict", 7), ("tuple", 7)])
def test_observations_are_flattened_as_gymnasium_does(kind: str, size: int) -> None:
    environment = _environment(observation=kind)
    assert environment.observation_size == size
    environment.begin(3)
    seen = environment.rollout(environment.policy(hidden=(4,)), 0)["observations"][:, 0]
    seeds = np.random.SeedSequence(3).generate_state(2) % 2**30
    space = OBSERVATIONS[kind]
    for row, seed in zip(seen, seeds, strict=True):
        space.seed(int(seed))
        assert row.tolist() == gymnasium.spaces.flatten(space, space.sample()).astype(float).tolist()
    environment.close()


def test_pictures_are_shrunk_or_say_what_that_needs() -> None:
    try:
        import cv2  # noqa: F401
    except ImportError:
        with pytest.raises(SimulationError, match="pip install opencv-python"):
            _environment(observation="picture")
    else:
        assert _environment(observation="picture").observation_size == 32 * 32
    assert is_plain(Box(0, 255, (7, 7, 3), np.uint8))
    assert is_plain(Box(0, 255, (128,), np.uint8))


def test_observations_that_are_refused() -> None:
    with pytest.raises(SimulationError, match=r"'Anything-v0' has pictures of shape \(64, 64, 5\)"):
        _environment(observation="many channels")
    with pytest.raises(SimulationError, match=r"'Anything-v0' has observations Sequence.*no fixed size"):
        _environment(observation="sequence")


def test_observations_that_are_not_numbers() -> None:
    environment = _environment(observation="nan")
    environment.begin(0)
    with pytest.raises(SimulationError, match="Anything-v0' gave an observation that is NaN or infinite"):
        environment.rollout(environment.policy(hidden=(4,)), 0)
    environment.close()


def test_a_policy_that_has_diverged_is_not_the_environments_fault() -> None:
    for action in ("box", "one of three"):
        environment = _environment(action=action)
        policy = environment.policy(hidden=(4,))
        torch.nn.init.constant_(policy.actor[-1].bias, torch.nan)
        environment.begin(0)
        with pytest.raises((SimulationError, AssertionError), match="diverged"):
            environment.rollout(policy, 0)
        environment.close()
