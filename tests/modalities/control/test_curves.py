from __future__ import annotations

import numpy as np
import torch

from rsoup_lightning.modalities.control import SimulatorEnvironment


def test_shown_choices_are_the_choices() -> None:
    environment = SimulatorEnvironment("tests.modalities.control.own:Anything-v0", options={"action": "one of three"})
    rollout = environment.evaluate(environment.policy(hidden=(4,)), torch.tensor([0, 1]))
    assert environment.shown(rollout, 1)[0].series == {"action": rollout["applied"][0, :, 0].tolist()}


def test_shown_are_curves() -> None:
    environment = SimulatorEnvironment("HalfCheetah-v5", eval_episodes=3, options={"max_episode_steps": 50})
    rollout = environment.evaluate(environment.policy(hidden=(4,)), next(iter(environment.eval_batches())))
    each = environment.shown(rollout, 2)[1]
    assert each.text == "50 steps"
    np.testing.assert_allclose(each.series["velocity (m/s)"], rollout["x_velocity"][1], atol=1e-4)
