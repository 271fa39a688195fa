from __future__ import annotations

import pytest

from rsoup_lightning.errors import PictureError
from rsoup_lightning.modalities.vision_language.environment import picture_names
from rsoup_lightning.modalities.vision_language.readable import look, read_picture
from tests.modalities.vision_language.tiny import Squares


def test_a_look_follows_names_and_pictures() -> None:
    names = picture_names(Squares())
    assert look(Squares(), names) == look(Squares(asked=False), names)
    assert look(Squares(), names) != look(Squares(), names[1:])
    assert look(Squares(), names) != look(Squares("pink"), names)
    assert look(Squares(absent=["red", "green"]), names) != look(Squares(), names)


def test_an_unreadable_picture_is_refused_or_skipped(caplog: pytest.LogCaptureFixture) -> None:
    data = Squares(absent=["red"])
    with pytest.raises(PictureError, match="train/red cannot be read: it is damaged; set bad_pictures to skip"):
        read_picture(data, "train/red", "refuse")
    assert read_picture(data, "train/red", "skip") is None
    assert "train/red cannot be read: it is damaged: left out" in caplog.text
    assert read_picture(data, "train/green", "refuse") is not None
