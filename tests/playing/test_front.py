"""A front that plays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rsoup_lightning import Front
from rsoup_lightning.errors import UnknownNameError


def test_a_preference_is_played_at_the_lambda_that_it_picks(run: Path) -> None:
    made = Front.load(run)
    picked = made.pick({"risky": 1.0})
    assert sum(picked.coefficients.values()) == pytest.approx(1) and "utility" in picked.reason
    seen = np.random.default_rng(0).normal(size=(3, 17))
    preferred = made.at(preference={"risky": 1.0}).act(seen)
    assert np.array_equal(preferred, made.at(picked.coefficients).act(seen))
    assert made.soup is made.soup and made.soup.front.record == made.record  # type: ignore[union-attr]
    with pytest.raises(UnknownNameError, match="unknown reward 'riski'"):
        made.at(preference={"riski": 1.0})
