from __future__ import annotations

import pytest

from rsoup_lightning.errors import PictureError
from rsoup_lightning.modalities.vision_language.bad_pictures import digest_of_pictures, picture_or_none, some_pictures
from rsoup_lightning.modalities.vision_language.environment import picture_names
from tests.modalities.vision_language.tiny import Squares


def test_a_look_follows_names_and_pictures() -> None:
    names = picture_names(Squares())
    assert digest_of_pictures(Squares(), names) == digest_of_pictures(Squares(asked=False), names)
    assert digest_of_pictures(Squares(), names) != digest_of_pictures(Squares(), names[1:])
    assert digest_of_pictures(Squares(), names) != digest_of_pictures(Squares("pink"), names)
    assert digest_of_pictures(Squares(absent=["red", "green"]), names) != digest_of_pictures(Squares(), names)


def test_some_pictures_are_from_all_over_the_data() -> None:
    names = picture_names(Squares())
    assert [*some_pictures(Squares(), names)] == [Squares().picture(name) for name in names[::2]]
    assert len([*some_pictures(Squares(absent=["red"]), names)]) == 4
    assert [*some_pictures(Squares(), [])] == []


def test_an_unreadable_picture_is_refused_or_skipped(caplog: pytest.LogCaptureFixture) -> None:
    data = Squares(absent=["red"])
    with pytest.raises(PictureError, match="train/red cannot be read: it is damaged; set bad_pictures to skip"):
        picture_or_none(data, "train/red", "refuse")
    assert picture_or_none(data, "train/red", "skip") is None
    assert "train/red cannot be read: it is damaged: left out" in caplog.text
    assert picture_or_none(data, "train/green", "refuse") is not None
