"""A task of our own: beds of soil that dry out by themselves and that a policy waters, once a day."""

from dataclasses import dataclass

import torch
from torch.distributions import Normal
from torch.utils.data import DataLoader

from rsoup_lightning import Environment, Policy, PolicyOutput, Reward, RewardFineTuner, Rollout

DAYS = 20
WET = 0.6  # how wet plants like the soil, between 0, dust, and 1, mud


class Gardener(Policy):
    """Decides from how wet a bed is how much to water it: a straight line, and noise around it."""

    def __init__(self):
        super().__init__()
        self.line = torch.nn.Linear(1, 1)

    def choices(self, wetness):
        """The distribution of the water for each bed, of which any number gives as many distributions."""
        return Normal(self.line(wetness.unsqueeze(-1)).squeeze(-1), 0.05)

    def forward(self, rollout):
        choices = self.choices(rollout["wetness"])
        return PolicyOutput(choices.log_prob(rollout["choice"]), entropy=choices.entropy())


class Beds(Environment):
    """Beds, each under a weather of its own."""

    unit = "days"

    def train_batches(self):
        return DataLoader(range(10), batch_size=None)  # ten rollouts an epoch

    def eval_batches(self):
        return DataLoader(range(64), batch_size=32)  # 64 beds, each with a number

    @torch.no_grad()
    def rollout(self, policy, batch, *, completions=1, greedy=False):
        noise = torch.randn(32, DAYS).repeat_interleave(completions, 0)
        weather = torch.rand(32, DAYS).repeat_interleave(completions, 0)
        return self._grown(policy, weather, 0 * noise if greedy else noise)

    @torch.no_grad()
    def evaluate(self, policy, batch):
        chances = [torch.Generator().manual_seed(int(bed)) for bed in batch]
        weather = torch.stack([torch.rand(DAYS, generator=chance) for chance in chances])
        noise = torch.stack([torch.randn(DAYS, generator=chance) for chance in chances])
        return self._grown(policy, weather, noise, id=batch)

    def _grown(self, policy, weather, noise, **context):
        wet, days = torch.full_like(weather[:, 0], WET), []
        for day in range(DAYS):
            choices = policy.choices(wet)
            choice = choices.mean + choices.stddev * noise[:, day]
            days.append((wet, choice, choices.log_prob(choice)))
            wet = (wet * (1 - weather[:, day] / 2) + choice.clamp(min=0)).clamp(max=1)  # wet soil dries faster
        wetness, choice, log_probs = (torch.stack(each, 1) for each in zip(*days, strict=True))
        return Rollout(
            log_probs=log_probs,  # [B, T], B beds on T days
            mask=torch.ones_like(log_probs, dtype=torch.bool),  # [B, T], every day counts
            steps={"wetness": wetness, "choice": choice},
            context=context,
        )

    def player(self, rows):
        return Watering(rows)


class Green(Reward):
    """Less the further a bed is from as wet as plants like it, each day."""

    def __call__(self, rollout):
        return -(rollout["wetness"] - WET).square()


class Thrifty(Reward):
    """Less the more water it takes, each day; a gush costs more than many drops."""

    def __call__(self, rollout):
        return -rollout["choice"].square()


class GardenFineTuner(RewardFineTuner):
    """What a recipe names."""

    def __init__(self, **settings):
        super().__init__(Beds(), Gardener(), {"green": Green(), "thrifty": Thrifty()}, **settings)


@dataclass
class Watering:
    """What ``at(...)`` of a soup gives."""

    rows: object

    def water(self, wetness):
        """How much to water beds that are so wet, ``[B]``."""

        def decide(policy, numbers):
            with torch.no_grad():
                return policy.choices(wetness[numbers]).mean.clamp(min=0)

        return torch.stack(self.rows(len(wetness), decide))
