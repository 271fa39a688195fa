from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from rsoup_lightning.errors import ConfigError, PictureError
from rsoup_lightning.modalities.vision_language import features as module
from rsoup_lightning.modalities.vision_language.coca import Captioner, picture_features
from rsoup_lightning.modalities.vision_language.environment import picture_names
from rsoup_lightning.modalities.vision_language.features import BadPictures, Features, Pixels, features
from tests.modalities.vision_language.tiny import COLOURS, Squares, captioner

DATA = Squares()
NAMES = picture_names(DATA)
CPU = torch.device("cpu")


def kept(
    loaded: Captioner, folder: Path | None, data: Squares = DATA, bad_pictures: BadPictures = "refuse"
) -> Features:
    return features(loaded, data, NAMES, bad_pictures, folder, CPU)


def seen(loaded: Captioner, name: str) -> Tensor:
    with torch.no_grad():
        return picture_features(loaded.model, loaded.preprocess(DATA.picture(name))[None])[0]


def test_features_are_what_the_encoder_sees(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROWS", 5)  # several rounds, the last one not full
    loaded = captioner(DATA)
    shown, places = kept(loaded, tmp_path)(torch.tensor([3, 11, 3, 0]))
    assert places.tolist() == [1, 2, 1, 0] and shown.dtype == torch.float32
    for number, found in zip((0, 3, 11), shown, strict=True):
        expected = seen(loaded, NAMES[number])
        assert torch.allclose(found, expected, rtol=1e-3, atol=1e-3)
        assert torch.equal(found, found.half().float())


def test_pixels_are_those_of_the_data() -> None:
    loaded = captioner(DATA)
    shown, places = Pixels(loaded, DATA, NAMES)(torch.tensor([7, 2, 7]))
    assert places.tolist() == [1, 0, 1]
    for number, found in zip((2, 7), shown, strict=True):
        assert torch.equal(found, loaded.preprocess(DATA.picture(NAMES[number])))


def test_they_are_computed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    monkeypatch.setenv("RSOUP_CACHE", str(tmp_path))
    loaded = captioner(DATA)
    first, _ = kept(loaded, None)(torch.arange(12))
    monkeypatch.setattr(module, "_compute", None)  # calling it again would fail
    again, _ = kept(loaded, None)(torch.arange(12))
    assert torch.equal(first, again)
    (folder,) = (tmp_path / "features").iterdir()
    table = np.load(folder / "features.npy")
    assert (table.dtype, table.shape) == (np.float16, (12, *first.shape[1:]))


def test_features_of_another_encoder_are_refused(tmp_path: Path) -> None:
    loaded = captioner(DATA)
    kept(loaded, tmp_path)
    kept(loaded, tmp_path)
    with torch.no_grad():
        loaded.model.visual.class_embedding[0] += 1e-3
    with pytest.raises(ConfigError, match="are of another encoder: delete it, or name another folder"):
        kept(loaded, tmp_path)


def test_features_of_another_preprocessing_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = captioner(DATA)
    darker = replace(loaded, preprocess=lambda picture: loaded.preprocess(picture) - 1)
    kept(loaded, tmp_path / "kept")
    with pytest.raises(ConfigError, match="are of another preprocessing: delete it, or name another folder"):
        kept(darker, tmp_path / "kept")
    monkeypatch.setenv("RSOUP_CACHE", str(tmp_path))
    plain, dark = (kept(each, None)(torch.arange(12))[0] for each in (loaded, darker))
    assert not torch.allclose(plain, dark, atol=0.01)


def test_features_of_other_pictures_are_refused(tmp_path: Path) -> None:
    loaded = captioner(DATA)
    kept(loaded, tmp_path)
    with pytest.raises(ConfigError, match="are of another set of pictures"):
        features(loaded, DATA, NAMES[:-1], "refuse", tmp_path, CPU)
    with pytest.raises(ConfigError, match="are of another set of pictures"):
        kept(loaded, tmp_path, Squares("pink"))  # of the same names


def test_other_pictures_have_a_cache_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = captioner(DATA)
    monkeypatch.setenv("RSOUP_CACHE", str(tmp_path))
    plain, _ = kept(loaded, None)(torch.arange(12))
    pink, _ = kept(loaded, None, Squares("pink"))(torch.arange(12))
    assert not torch.allclose(plain, pink, atol=0.01)
    assert len(list((tmp_path / "features").iterdir())) == 2


def test_unreadable_pictures(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    loaded, damaged = captioner(DATA), Squares(absent=["red"])
    with pytest.raises(PictureError, match="train/red cannot be read: it is damaged; set bad_pictures to skip"):
        kept(loaded, tmp_path, damaged)
    assert not list(tmp_path.iterdir())
    made = kept(loaded, tmp_path, damaged, "skip")
    assert made.unreadable == {"train/red", "eval/red"}
    assert "train/red cannot be read: it is damaged: left out" in caplog.text
    shown, _ = made(torch.arange(12))
    assert (shown.flatten(1).any(1) == torch.tensor([name.split("/")[1] != "red" for name in NAMES])).all()
    with pytest.raises(PictureError, match="are without train/red, which could not be read: set bad_pictures to skip"):
        kept(loaded, tmp_path, damaged)


def test_no_picture_at_all(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="none of the 12 pictures can be read"):
        kept(captioner(DATA), tmp_path, Squares(absent=COLOURS), "skip")
    assert not list(tmp_path.iterdir())


def test_a_table_without_its_description_is_made_anew(tmp_path: Path) -> None:
    loaded = captioner(DATA)
    first, _ = kept(loaded, tmp_path)(torch.arange(12))
    (tmp_path / "features.json").unlink()
    (tmp_path / "features.npy").write_bytes(b"cut off")
    again, _ = kept(loaded, tmp_path)(torch.arange(12))
    assert torch.equal(first, again)
    assert json.loads((tmp_path / "features.json").read_text())["unreadable"] == []
