from __future__ import annotations

import pytest

pytest.importorskip("nicegui")

from rsoup_lightning.explorer.choosing.selection import Selection
from tests.explorer.test_panels import Counting


@pytest.mark.parametrize(("written", "seed"), [("7", 7), ("", 0), ("-1", 0), ("x", 0), (str(2**32 + 5), 5)])
def test_a_seed_is_one_whatever_the_address_says(written: str, seed: int) -> None:
    assert Counting(Selection(["a", "b"], {"seed": written})).seed == seed
