from __future__ import annotations

import numpy as np
import torch

from rsoup_lightning.modalities.control.recording import Recording
from rsoup_lightning.modalities.control.simulator import SimulatorStep

COPIES, STEPS = 2, 3


def recorded(rewards: tuple[int, ...] = ()) -> Recording:
    """Three steps of two copies; the second copy only resets on the last one, which reports no speed."""
    recording = Recording()
    for step in range(STEPS):
        last = step == STEPS - 1
        info = {} if last else {"speed": np.full(COPIES, step + 1.0), "actions": np.zeros(COPIES)}
        result = SimulatorStep(
            observations=np.zeros((COPIES, 2, 2)),
            rewards=np.ones((COPIES, *rewards)),
            terminated=np.array([False, last]),
            truncated=np.array([last, False]),
            info=info,
        )
        observed = np.full((COPIES, 2, 2), step)
        actions = np.full((COPIES, 1), step)
        recording.add(observed, actions, 2 * actions, result, counted=np.array([True, not last]))
    return recording


def test_steps_become_columns_of_a_rollout() -> None:
    recording = recorded()
    rollout = recording.rollout(torch.zeros(COPIES, STEPS), np.ones((COPIES, 2, 2)), id=torch.tensor([4, 5]))
    assert len(recording) == STEPS
    assert rollout["observations"].shape == (COPIES, STEPS, 4) and rollout["last_observations"].shape == (COPIES, 4)
    assert rollout["actions"][0, :, 0].tolist() == [0, 1, 2] and rollout["applied"][0, :, 0].tolist() == [0, 2, 4]
    assert rollout["native_reward"].sum() == COPIES * STEPS
    assert rollout["id"].tolist() == [4, 5]


def test_a_copy_that_resets_neither_counts_nor_ends() -> None:
    rollout = recorded().rollout(torch.zeros(COPIES, STEPS), np.ones((COPIES, 4)))
    assert rollout.mask.tolist() == [[True] * 3, [True, True, False]]
    assert not rollout.terminated.any()
    assert rollout.truncated.tolist() == [[False, False, True], [False] * 3]


def test_what_a_step_does_not_report_is_zero() -> None:
    rollout = recorded((2,)).rollout(torch.zeros(COPIES, STEPS), np.ones((COPIES, 4)))
    assert rollout["speed"][0].tolist() == [1.0, 2.0, 0.0]
    assert rollout["info.actions"].shape == (COPIES, STEPS)  # beside the rollout's own actions
    assert rollout["reward_vector"].shape == (COPIES, STEPS, 2)


def test_a_list_that_grows_is_left_out() -> None:
    """As a log of an environment, which no reward reads."""
    recording = Recording()
    for step in range(STEPS):
        info = {"visited": np.zeros((COPIES, step + 1)), "speed": np.ones(COPIES), "_speed": np.ones(COPIES, bool)}
        ended = np.zeros(COPIES, bool)
        result = SimulatorStep(np.zeros((COPIES, 4)), np.ones(COPIES), ended, ended, info)
        recording.add(np.zeros((COPIES, 4)), np.zeros((COPIES, 1)), np.zeros((COPIES, 1)), result, counted=~ended)
    rollout = recording.rollout(torch.zeros(COPIES, STEPS), np.ones((COPIES, 4)))
    assert "visited" not in rollout and rollout["speed"].shape == (COPIES, STEPS)
