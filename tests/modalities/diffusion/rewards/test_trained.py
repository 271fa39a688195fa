from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch
from torch import Tensor

from rsoup_lightning.errors import ConfigError, RewardError
from rsoup_lightning.modalities.diffusion.rewards import TrainedStyle
from tests.modalities.diffusion.rewards.drawn import drawn, random
from tests.modalities.diffusion.rewards.styles import dotted, striped

pytest.importorskip("sklearn")

ROLLOUT = drawn(torch.cat([striped(2, seed=1), dotted(2, seed=1)]))


class Striped(TrainedStyle):
    pictures_name = "striped-dotted-1"

    def pictures(self) -> tuple[Tensor, Tensor]:
        return striped(), dotted()


class Gone(Striped):
    """The same pictures, once they are uninstalled."""

    def pictures(self) -> tuple[Tensor, Tensor]:
        raise ConfigError("the pictures are not installed")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RSOUP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_learns_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        fresh = Striped()(ROLLOUT)
    assert "Striped: 100.0 % of what was held out right" in caplog.text
    assert Gone()(ROLLOUT).tolist() == fresh.tolist()
    assert (fresh.sign() == torch.tensor([1, 1, -1, -1])).all()


def test_the_pictures_are_needed_the_first_time(folder: Path) -> None:
    with pytest.raises(ConfigError, match="not installed"):
        Gone()
    assert Striped().classifier.accuracy == 1.0  # nothing was left behind by the failure


def test_the_limit_holds_both_ways() -> None:
    free, limited = Striped()(ROLLOUT), Striped(limit=0.5)(ROLLOUT)
    assert free.abs().max() > 0.5
    assert limited.tolist() == free.clamp(-0.5, 0.5).tolist()
    with pytest.raises(ConfigError, match="limit is -1"):
        Striped(limit=-1)


def test_pictures_that_are_too_small() -> None:
    with pytest.raises(RewardError, match="Striped takes pictures of at least 32 x 32 pixels, and these have 16 x 16"):
        Striped()(drawn(random(1, 16)))
