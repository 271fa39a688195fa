"""Scores do not move with the size of evaluation batches, in any modality: a front is the same on small memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import cycle, islice

import pytest
import torch

from rsoup_lightning.algorithms import RLOO
from rsoup_lightning.environment import Environment
from rsoup_lightning.evaluation import Scores
from rsoup_lightning.modalities.control import GaussianMLP, SimulatorEnvironment
from rsoup_lightning.modalities.data import Entry, Item, PromptData, Split
from rsoup_lightning.modalities.diffusion import PromptEnvironment
from rsoup_lightning.modalities.language.environment import TextEnvironment
from rsoup_lightning.modalities.language.rewards.texts import Exchange, TextReward
from rsoup_lightning.module import RewardFineTuner
from rsoup_lightning.policy import Policy
from rsoup_lightning.rewards import Reward
from rsoup_lightning.rollout import Rollout
from rsoup_lightning.run.trainer.callbacks import benchmark_soups
from tasks.locomotion.rewards import VelocityLessEffort
from tests.modalities.diffusion.tiny import Bright
from tests.modalities.diffusion.tiny import policy as diffusion_policy
from tests.modalities.language.test_policy import policy as language_policy
from tests.modalities.language.tiny import tokenizer
from tests.modalities.vision_language import tiny

ENTRIES, SIZES = 50, (1, 7, 50)
DRAWN = 17  # pictures take longer
POINTS = [(1.0, 0.0), (0.4, 0.6), (0.0, 1.0)]

Made = tuple[Callable[[int], Environment], Mapping[str, Reward], Policy]


class Asked(PromptData):
    """Prompts of many lengths."""

    def entries(self, split: Split) -> Sequence[Entry]:
        return [Entry("ask " * (number % 5) + str(number)) for number in range(ENTRIES)]


class Capitals(TextReward):
    """Capitals of an answer, less a bit of its length."""

    def rate(self, exchanges: Sequence[Exchange]) -> list[float]:
        return [sum(map(str.isupper, each.answer)) - 0.01 * len(each.answer) for each in exchanges]


class Drawn(PromptData):
    """Prompts of more entries than there are colours."""

    def entries(self, split: Split) -> Sequence[Entry]:
        colours = ("red", "green", "blue", "white")
        return [Entry(f"a {colours[number % 4]} square") for number in range(DRAWN)]


class ManySquares(tiny.Squares):
    """Squares asked about again and again."""

    def items(self, split: Split) -> Sequence[Item]:
        return list(islice(cycle(super().items(split)), ENTRIES))


def stirred(policy: Policy) -> list[dict[str, torch.Tensor]]:
    """Two experts away from ``policy``."""
    generator = torch.Generator().manual_seed(3)

    def moved(weight: torch.Tensor) -> torch.Tensor:
        noise = torch.randn(weight.shape, generator=generator)
        return weight + 0.1 * noise if weight.is_floating_point() else weight

    return [{name: moved(weight) for name, weight in policy.weights().items()} for _ in range(2)]


def control() -> Made:
    def made(size: int) -> SimulatorEnvironment:
        return SimulatorEnvironment("Hopper-v5", num_envs=1, horizon=8, eval_episodes=ENTRIES, eval_batch_size=size)

    torch.manual_seed(0)
    environment = made(1)
    policy = GaussianMLP(environment.observation_size, environment.action_size, hidden=(64, 64))
    return made, {"risky": VelocityLessEffort(0.0), "cautious": VelocityLessEffort(1.0)}, policy


def language() -> Made:
    def made(size: int) -> TextEnvironment:
        return TextEnvironment(Asked(), tokenizer(), max_new_tokens=12, eval_batch_size=size)

    return made, {"capitals": Capitals()}, language_policy()


def vision_language() -> Made:
    data = ManySquares()
    policy = tiny.policy(data)

    def made(size: int) -> Environment:
        return tiny.environment(data, policy, eval_batch_size=size)

    return made, {"long": Letters()}, policy


class Letters(Reward):
    """Letters of an answer."""

    def __call__(self, rollout: Rollout) -> torch.Tensor:
        return torch.tensor([float(len(answer)) for answer in rollout.texts["answer"]])


def diffusion() -> Made:
    def made(size: int) -> PromptEnvironment:
        return PromptEnvironment(Drawn(), eval_batch_size=size)

    return made, {"red": Bright(0), "blue": Bright(2)}, diffusion_policy()


@pytest.mark.parametrize("modality", [control, language, vision_language, diffusion])
def test_a_front_is_the_same_for_every_evaluation_batch_size(modality: Callable[[], Made]) -> None:
    made, rewards, policy = modality()
    experts = stirred(policy)

    def front(size: int) -> list[Scores]:
        module = RewardFineTuner(made(size), policy, rewards, algorithm=RLOO(2))
        return benchmark_soups(module, experts, POINTS, module.environment.eval_batches(), show=3)

    fronts = {size: front(size) for size in SIZES}
    assert fronts[1][0].rewards.keys() == rewards.keys()
    for size in SIZES[1:]:
        for one, other in zip(fronts[1], fronts[size], strict=True):
            assert one.steps == other.steps
            assert [each.title for each in one.shown] == [each.title for each in other.shown]
            for name in rewards:
                assert len(one.rewards[name].unique()) > 1
                # Images are floats of convolutions, which round by their batch; the others are equal to the last bit.
                torch.testing.assert_close(
                    one.rewards[name], other.rewards[name], rtol=0, atol=1e-6 if modality is diffusion else 0
                )
