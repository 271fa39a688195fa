from __future__ import annotations

from pathlib import Path

import pytest

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.open_clip_models import load_open_clip
from tests.modalities.vision_language.test_coca import configuration, folder

pytest.importorskip("open_clip")


@pytest.mark.parametrize(
    ("name", "weights", "message"),
    [
        ("ViT-B-32", None, "ViT-B-32 needs weights: give a file, or one of open_clip's tags"),
        ("hf-hub:somebody/clip", "openai", "has weights of its own: leave weights out"),
        ("ViT-B-32", "absent/weights.pt", "there is no file absent/weights.pt"),
        ("local-dir:absent", None, "open_clip cannot load local-dir:.*Without network, give local-dir:FOLDER as base"),
    ],
)
def test_what_cannot_be_loaded(name: str, weights: str | None, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_open_clip(name, weights, "base")


def test_a_folder_without_weights_does_not_start_at_random_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="open_clip cannot load local-dir"):
        load_open_clip(folder(tmp_path, None, configuration()), None, "base")
