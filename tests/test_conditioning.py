from __future__ import annotations

import pytest
import torch

from rsoup_lightning.conditioning import MOST, Conditioning
from rsoup_lightning.errors import ConfigError


def test_draws_are_dirichlets_of_the_seed() -> None:
    many = torch.tensor(Conditioning(("a", "b", "c"), points=40_000, concentration=2.0).draw(1))
    torch.testing.assert_close(many.sum(1), torch.ones(40_000))
    torch.testing.assert_close(many.mean(0), torch.full((3,), 1 / 3), atol=0.005, rtol=0)
    torch.testing.assert_close(many.var(0), torch.full((3,), 2 / 9 / 7), atol=0.001, rtol=0)  # p (1 - p) / (3 α + 1)
    two = Conditioning(("east", "north"), points=1)
    assert two.draw(1) == two.draw(1) != two.draw(2)


@pytest.mark.parametrize(("entries", "points"), [(None, 1), (1, 1), (4, 4), (6, 6), (12, 6), (64, MOST), (11, 1)])
def test_by_default_as_many_are_drawn_as_share_out_a_rollout(entries: int | None, points: int) -> None:
    free = Conditioning(("a", "b"))
    assert free.fitting(entries, several=True).points == points
    assert free.fitting(entries, several=False).points == 1


def test_what_is_asked_for_is_kept_or_refused() -> None:
    four = Conditioning(("a", "b"), points=4)
    assert four.fitting(8, several=True) == four.fitting(None, several=True) == four
    with pytest.raises(ConfigError, match=r"init_args\.points is 4: 4 rows .* for 6 rows.*to a divisor"):
        four.fitting(6, several=True)
    with pytest.raises(ConfigError, match="one λ at a time, so set it to 1"):
        four.fitting(8, several=False)
    for wrong in ({"points": 0}, {"concentration": 0.0}):
        with pytest.raises(ConfigError, match=next(iter(wrong))):
            Conditioning(("a", "b"), **wrong)
