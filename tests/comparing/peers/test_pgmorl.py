from __future__ import annotations

import numpy as np
import pytest

from rsoup_lightning.comparing.peers import CAPQL, PGMORL
from tests.conftest import needs


@needs("morl_baselines", extra="bench")
@pytest.mark.parametrize(("settings", "discount"), [({}, 0.995), ({"gamma": 0.9}, 0.9)])
def test_pgmorl_gets_the_corner_of_the_box_as_discounted_returns(settings: dict[str, float], discount: float) -> None:
    earned = np.array([-0.14, -1.59])  # at every step
    origin = PGMORL(settings).reference_point(1000 * earned, 1000)
    assert origin == pytest.approx(sum(discount**step for step in range(1000)) * earned)
    whole_episodes = CAPQL().reference_point(1000 * earned, 1000)  # for its log alone
    assert whole_episodes == pytest.approx(1000 * earned)
