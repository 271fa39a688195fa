from __future__ import annotations

import pytest

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.data import Item, check_sizes, cut


def test_splits_share_nothing_and_lose_nothing() -> None:
    splits = cut(range(20), "Numbers", eval_size=3, dev_size=4)
    assert splits == {"train": tuple(range(3, 16)), "dev": (16, 17, 18, 19), "eval": (0, 1, 2)}
    assert cut(range(20), "Numbers", eval_size=3, dev_size=4, train_size=2)["train"] == (3, 4)


def test_one_entry_at_least_is_trained_on() -> None:
    assert cut(range(8), "Numbers", eval_size=3, dev_size=4)["train"] == (3,)
    with pytest.raises(ConfigError, match="Numbers has 7 entries, of which eval_size takes 3 and dev_size 4"):
        cut(range(7), "Numbers", eval_size=3, dev_size=4)


def test_sizes_that_no_split_can_have() -> None:
    check_sizes(None, 0, None)
    with pytest.raises(ConfigError, match="dev_size is -1: give a number of entries, or 0 for none"):
        check_sizes(1, -1, None)
    with pytest.raises(ConfigError, match="eval_size is 0"):
        check_sizes(0, 0, None)


def test_a_text_for_the_references_of_an_item_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"1\.png has the text 'a cat' for its references: write a tuple"):
        Item("1.png", "a cat")  # type: ignore[arg-type]
