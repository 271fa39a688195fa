from __future__ import annotations

import pytest

from rsoup_lightning import algorithms
from rsoup_lightning.errors import ConfigError
from tests.conftest import PointFineTuner, quiet_trainer


def test_ppo_without_a_critic_is_refused(point: PointFineTuner) -> None:
    point.algorithm = algorithms.PPO()
    with pytest.raises(ConfigError, match="has no critic"):
        quiet_trainer(max_epochs=1).fit(point)
