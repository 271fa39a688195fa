from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor

from rsoup_lightning.errors import ConfigError, UnknownNameError
from rsoup_lightning.modalities.diffusion.rewards import ImageClassifier
from tests.modalities.diffusion.rewards import tiny
from tests.modalities.diffusion.rewards.drawn import drawn, random

pytest.importorskip("transformers")

IMAGES = (255 * random(5, 40)).round() / 255


@pytest.fixture(scope="module")
def beit(tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny.beit(tmp_path_factory.mktemp("beit"))


def probabilities(folder: str) -> Tensor:
    """``[B, classes]`` by transformers alone, of pictures of Pillow, one at a time."""
    from transformers import AutoImageProcessor, AutoModelForImageClassification

    model, processor = (auto.from_pretrained(folder) for auto in (AutoModelForImageClassification, AutoImageProcessor))
    pictures = [Image.fromarray((255 * image).byte().permute(1, 2, 0).numpy()) for image in IMAGES]
    with torch.no_grad():
        logits = [model.eval()(**processor(picture, return_tensors="pt")).logits for picture in pictures]
    return torch.cat(logits).softmax(1)


@pytest.mark.parametrize(("label", "index"), [("aesthetic", 1), (1, 1), ("neither", 2), (0, 0), ("2", 2)])
@pytest.mark.parametrize("batch_size", [2, 32])
def test_log_odds_of_a_class(beit: str, label: str | int, index: int, batch_size: int) -> None:
    expected = probabilities(beit)[:, index].logit()
    got = ImageClassifier(beit, label, batch_size)(drawn(IMAGES))
    assert expected.std() > 0.05
    assert torch.allclose(got, expected, atol=0.03 * float(expected.std()) + 1e-3)  # Pillow resizes in 8 bits


@pytest.mark.parametrize(
    "settings", [{}, {"rescale_factor": 1 / 127.5, "do_normalize": False}, {"do_rescale": False}], ids=str
)
@pytest.mark.parametrize("backend", ["torchvision", "pil"])
def test_pictures_are_rescaled_as_the_processor_says(settings: dict[str, Any], backend: str, tmp_path: Path) -> None:
    from transformers import AutoImageProcessor

    folder = tiny.beit(tmp_path)
    AutoImageProcessor.from_pretrained(folder, **settings).save_pretrained(folder)
    reward = ImageClassifier(folder, 1)
    reward._processor = AutoImageProcessor.from_pretrained(folder, backend=backend)
    expected = probabilities(folder)[:, 1].logit()
    assert torch.allclose(reward(drawn(IMAGES)), expected, atol=0.03 * float(expected.std()) + 1e-3)
    assert reward(drawn(random(5, 40))).isfinite().all()


def test_weights_saved_in_bfloat16_are_read_in_float32(tmp_path: Path) -> None:
    from transformers import AutoModelForImageClassification

    folder = tiny.beit(tmp_path)
    AutoModelForImageClassification.from_pretrained(folder).bfloat16().save_pretrained(folder)
    reward = ImageClassifier(folder, 1)
    assert {weight.dtype for weight in reward.model.parameters()} == {torch.float32}
    assert reward(drawn(IMAGES)).isfinite().all()


def test_it_is_frozen(beit: str) -> None:
    reward = ImageClassifier(beit, 1)
    assert not reward.model.training
    assert not any(weight.requires_grad for weight in reward.model.parameters())


def test_a_class_it_does_not_have(beit: str) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'aesthetic'"):
        ImageClassifier(beit, "esthetic")
    for label in (3, -1, "3"):
        with pytest.raises(ConfigError, match=f"for class {label}, but it has 0 to 2"):
            ImageClassifier(beit, label)
    with pytest.raises(ConfigError, match="0 not_aesthetic, 1 aesthetic, 2 neither: give as label the one"):
        ImageClassifier(beit)
    with pytest.raises(ConfigError, match="batch_size is 0"):
        ImageClassifier(beit, batch_size=0)


def test_a_single_output(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="has a single output, and log-odds need two classes"):
        ImageClassifier(tiny.beit(tmp_path, ("score",)), 0)


def test_what_cannot_be_loaded(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"the folder {tmp_path} holds no image classifier"):
        ImageClassifier(str(tmp_path))
    (Path(tiny.beit(tmp_path / "beit")) / "preprocessor_config.json").unlink()
    with pytest.raises(ConfigError, match="holds no image processor"):
        ImageClassifier(str(tmp_path / "beit"), 1)


def test_a_model_that_was_never_trained_to_classify(tmp_path: Path) -> None:
    from transformers import BeitModel

    BeitModel.from_pretrained(tiny.beit(tmp_path / "classifier")).save_pretrained(tmp_path / "encoder")
    with pytest.raises(ConfigError, match="was not trained as an image classifier: it has no weights for classifier"):
        ImageClassifier(str(tmp_path / "encoder"))
