"""What options may ask for."""

from __future__ import annotations

import pytest

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.run.launchers.launch import launch_of


def test_workers_that_cannot_be() -> None:
    with pytest.raises(ConfigError, match="workers is 0"):
        launch_of("local", 0)
    with pytest.raises(ConfigError, match="workers need a launcher: give local, ray or slurm"):
        launch_of("here", 2)
    with pytest.raises(ConfigError, match=r"slurm\.time needs --launcher slurm"):
        launch_of("local", 2, {"time": 60})
    assert launch_of("here", None) is None
