from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("nicegui")

from rsoup_lightning import load
from rsoup_lightning.errors import ConfigError
from rsoup_lightning.explorer.choosing.selection import Selection
from rsoup_lightning.explorer.kinds.control import ControlShowing
from rsoup_lightning.explorer.kinds.showings import showing_of


def test_what_a_soup_can_do_says_how_it_is_shown(run: Path) -> None:
    assert isinstance(showing_of(load(run), Selection(["risky", "cautious"], {})), ControlShowing)


def test_what_nobody_can_show_is_said() -> None:
    class Strange:
        experts = ("a",)

        def at(self, mix: Any) -> Any:
            return self

    with pytest.raises(ConfigError, match="Strange"):
        showing_of(Strange(), Selection(["a"], {}))  # type: ignore[arg-type]
