from __future__ import annotations

import pytest
import torch

from rsoup_lightning.errors import RewardError
from rsoup_lightning.modalities.control import SimulatorEnvironment
from rsoup_lightning.modalities.control.rewards import Discounted, Info, Native, VectorEntry
from rsoup_lightning.rewards import Reward, score
from rsoup_lightning.rollout import Rollout


def _rollout(reward: str) -> Rollout:
    environment = SimulatorEnvironment(
        "tests.modalities.control.own:Anything-v0", num_envs=2, horizon=6, options={"reward": reward}
    )
    environment.begin(0)
    rollout = environment.rollout(environment.policy(hidden=(4,)), 0)
    environment.close()
    return rollout


class Last(Reward):
    def __call__(self, rollout: Rollout) -> torch.Tensor:
        return rollout["steps"][:, -1]


def test_any_number_of_info_and_ones_own_names_stay() -> None:
    rollout = _rollout("plain")
    rewards = {
        "steps": Info("steps"),
        "power": Info("costs.power", scale=-2.0),
        "part": Info("costs.parts", index=1),
        "won": Info("won"),
        "id": Info("id"),
        "native": Native(),
    }
    given = {name: values[0].tolist() for name, values in score(rewards, rollout, moment="now").items()}
    assert given == {
        "steps": [1, 2, 3, 4, 0, 1],
        "power": [-1, -1, -1, -1, 0, -1],
        "part": [2, 2, 2, 2, 0, 2],
        "won": [0, 0, 0, 1, 0, 0],
        "id": [-7, -7, -7, -7, 0, -7],
        "native": [1, 1, 1, 1, 0, 1],
    }


def test_vector_entries() -> None:
    rollout = _rollout("list")
    assert VectorEntry(1)(rollout)[0].tolist() == [-2, -2, -2, -2, 0, -2]
    with pytest.raises(RewardError, match=r"'reward_vector' has shape \[2\] per step: it has no entry 2"):
        VectorEntry(2)(rollout)
    with pytest.raises(RewardError, match=r"Native needs 'native_reward'.* it has applied, costs\.parts"):
        Native()(rollout)


def test_what_info_lacks_is_named() -> None:
    rollout = Rollout(torch.zeros(1, 2), torch.ones(1, 2, dtype=torch.bool), signals={"speed": torch.zeros(1, 2)})
    with pytest.raises(RewardError, match=r"Info needs 'sped', which this environment does .*: it has speed; set rare"):
        Info("sped")(rollout)
    assert Info("won", rare=True)(rollout).tolist() == [[0.0, 0.0]]
    with pytest.raises(RewardError, match=r"'speed' has shape \[\] per step: it has no entry 0"):
        Info("speed", index=0)(rollout)


def test_discounted_returns_of_whole_episodes() -> None:
    environment = SimulatorEnvironment("tests.modalities.control.own:Anything-v0", options={"reward": "plain"})
    rollout = environment.evaluate(environment.policy(hidden=(4,)), torch.tensor([3, 4]))
    rewards = {"plain": Info("steps"), "half": Discounted(Info("steps"), 0.5)}
    returns = {name: values.sum(1).tolist() for name, values in score(rewards, rollout, moment="now").items()}
    assert returns == {"plain": [10, 10], "half": [1 + 2 / 2 + 3 / 4 + 4 / 8] * 2}
    with pytest.raises(RewardError, match="Discounted needs a reward of every step, but Last gives one a row"):
        Discounted(Last())(rollout)
