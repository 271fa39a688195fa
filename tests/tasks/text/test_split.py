from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.data import Entry
from tasks.text.split import SplitData


class Numbers(SplitData):
    def __init__(self, numbers: range, eval_size: int = 3, **sizes: Any) -> None:
        super().__init__(eval_size, **sizes)
        self.numbers = numbers

    def load(self) -> Iterator[Entry]:
        yield from (Entry(f"Number {number}", str(number)) for number in self.numbers)


def test_the_splits_share_nothing_and_lose_nothing() -> None:
    data = Numbers(range(20))
    train, held_out = set(data.entries("train")), set(data.entries("eval"))
    assert (len(train), len(held_out)) == (17, 3)
    assert train | held_out == set(data.load())


def test_the_order_is_shuffled_and_depends_on_the_questions_only() -> None:
    forward, backward = Numbers(range(20)), Numbers(range(19, -1, -1))
    assert forward.entries("eval") == backward.entries("eval")
    assert forward.entries("train") == backward.entries("train") != tuple(Numbers(range(20)).load())[3:]


def test_more_data_keeps_the_order_of_what_was_there() -> None:
    fewer, more = (Numbers(range(count), eval_size=1) for count in (20, 40))
    order = [*more.entries("eval"), *more.entries("train")]
    assert [entry for entry in order if int(entry.reference) < 20] == [*fewer.entries("eval"), *fewer.entries("train")]


def test_train_size() -> None:
    assert Numbers(range(20), train_size=4).entries("train") == Numbers(range(20)).entries("train")[:4]


def test_entries_for_development_are_the_last() -> None:
    without, data = Numbers(range(20)), Numbers(range(20), dev_size=5)
    assert data.entries("eval") == without.entries("eval") and without.entries("dev") == ()
    assert (*data.entries("train"), *data.entries("dev")) == without.entries("train")
    assert Numbers(range(20), dev_size=5, train_size=4).entries("dev") == data.entries("dev")


def test_a_question_is_kept_once() -> None:
    class Twice(Numbers):
        def load(self) -> Iterator[Entry]:
            yield from super().load()
            yield Entry("NUMBER 7", "again")

    data = Twice(range(10))
    assert len(data.entries("train")) == 7
    assert "again" not in {entry.reference for split in ("train", "eval") for entry in data.entries(split)}


def test_sizes_that_leave_nothing() -> None:
    with pytest.raises(ConfigError, match=r"Numbers has 3 entries.* lower eval_size"):
        Numbers(range(3)).entries("train")
    with pytest.raises(ConfigError, match="train_size is 0"):
        Numbers(range(3), train_size=0)
    with pytest.raises(ConfigError, match="dev_size is -1"):
        Numbers(range(3), dev_size=-1)
    with pytest.raises(ConfigError, match="eval_size takes 3 and dev_size 17: none are left"):
        Numbers(range(20), dev_size=17).entries("dev")
