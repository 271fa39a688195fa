from __future__ import annotations

import pytest

from rsoup_lightning.errors import MergeError
from rsoup_lightning.merging.kinds.numbering import number
from rsoup_lightning.merging.kinds.vocabulary import Vocabulary


def _of(room: int | None = None, **ids: int) -> Vocabulary:
    return Vocabulary(ids, {token: {} for token in ids}, room or len(ids), {})


def test_tokens_of_all_in_the_order_of_experts() -> None:
    a, b, c = _of(x=0, y=1), _of(z=0, y=1, x=2), _of(w=0, z=1, x=2)
    both = number([a, b, c], [2, 3, 3])
    assert both.tokens == {0: "x", 1: "y", 2: "z", 3: "w"}
    assert both.extra.keys() == {"z", "w"}
    assert [both.places(one, rows).tolist() for one, rows in ((a, 2), (b, 3), (c, 3))] == [
        [0, 1, -1, -1],
        [2, 1, 0, -1],
        [2, -1, 1, 0],
    ]


def test_rows_of_no_token() -> None:
    a, b = _of(x=0), _of(y=0, x=1)
    both = number([a, b], [4, 3])
    assert both.size == 4
    assert both.places(a, 4).tolist() == [0, -1, 2, 3]
    assert both.places(b, 3).tolist() == [1, 0, 2, -1]


@pytest.mark.parametrize(
    ("first", "message"),
    [(_of(x=0, y=10**12), "numbers 2 tokens up to 1000000000000"), (_of(1, x=0, y=1), "would number 'z' as 'y'")],
)
def test_numbers_with_gaps(first: Vocabulary, message: str) -> None:
    with pytest.raises(MergeError, match=message):
        number([first, _of(x=0, z=1)], [2, 2])
