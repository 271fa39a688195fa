from __future__ import annotations

from typing import Any

import pytest
import torch

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.data import Split
from rsoup_lightning.modalities.data_environment import DataEnvironment, evaluated, evaluation_generators
from rsoup_lightning.policy import Policy
from rsoup_lightning.rollout import Rollout


class Numbers(DataEnvironment):
    """Ten entries to train on and seven to evaluate on."""

    def __init__(self, **changes: int) -> None:
        super().__init__(**{"batch_size": 4, "batches_per_epoch": 3, "eval_batch_size": 3, **changes})

    def count(self, split: Split) -> int:
        return {"train": 10, "dev": 4, "eval": 7}[split]

    def rollout(self, policy: Policy, batch: Any, *, completions: int = 1, greedy: bool = False) -> Rollout:
        raise NotImplementedError

    def evaluate(self, policy: Policy, batch: Any) -> Rollout:
        raise NotImplementedError


def epoch(place: Numbers, seed: int) -> list[int]:
    place.begin(seed)
    return [number for batch in place.train_batches() for number in place.training_entries(batch).tolist()]


def test_an_epoch_takes_entries_in_a_new_order_and_begins_again_when_all_were_taken() -> None:
    numbers = epoch(Numbers(), 0)
    assert len(numbers) == 12
    assert sorted(numbers[:10]) == list(range(10)) and numbers[10:] == numbers[:2]


def test_the_order_follows_the_seed() -> None:
    place = Numbers()
    first = epoch(place, 0)
    assert epoch(place, 1) != first == epoch(place, 0)


def test_evaluation_takes_each_entry_once_in_order() -> None:
    batches = [batch.tolist() for batch in Numbers().eval_batches()]
    assert batches == [[0, 1, 2], [3, 4, 5], [6]]


def test_development_takes_other_entries_with_noise_of_their_own() -> None:
    first, second = Numbers().dev_batches()
    assert evaluated(first)[0] == "dev" and evaluated(first)[1].tolist() == [0, 1, 2]
    assert evaluated(second)[1].tolist() == [3] and evaluated(torch.arange(2))[0] == "eval"
    noise = [
        generator.initial_seed() for batch in (first, torch.arange(3)) for generator in evaluation_generators(batch)
    ]
    assert len(set(noise)) == 6


@pytest.mark.parametrize("name", ["batch_size", "batches_per_epoch", "eval_batch_size"])
def test_sizes_below_one(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} is 0: it must be at least 1"):
        Numbers(**{name: 0})


def test_entries_need_a_beginning() -> None:
    with pytest.raises(ConfigError, match=r"call begin\(seed\) before the first rollout"):
        Numbers().training_entries(0)
