from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rsoup_lightning.errors import ConfigError
from tests.conftest import Plane, PointPolicy


def test_the_least_that_an_environment_can_do(tmp_path: Path) -> None:
    """What an environment leaves out is nothing to show, no film, and a player that is refused by name."""
    plane = Plane()
    policy, batch = PointPolicy(), next(iter(plane.eval_batches()))
    assert plane.shown(plane.evaluate(policy, batch), 3) == []
    assert plane.film(policy, tmp_path / "film.webp") is False
    assert not any(tmp_path.iterdir())
    rows: Any = None
    with pytest.raises(ConfigError, match="Plane has no player"):
        plane.player(rows)
