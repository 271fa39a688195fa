from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor

from rsoup_lightning.errors import ConfigError, RewardError
from rsoup_lightning.modalities.diffusion.rewards import ClipSimilarity
from tests.modalities.diffusion.rewards import tiny
from tests.modalities.diffusion.rewards.drawn import drawn, random

open_clip = pytest.importorskip("open_clip")

PROMPTS = ["red heart", "cat", "red heart", "a very long name " * 10]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny.clip(tmp_path_factory.mktemp("clip"))


def cosines(name: str, images: Tensor, prompts: list[str]) -> Tensor:
    """By open_clip alone, of pictures of Pillow, one at a time."""
    model, _, preprocess = open_clip.create_model_and_transforms(name)
    tokenizer, values = open_clip.get_tokenizer(name), []
    for image, prompt in zip((255 * images).round().byte(), prompts, strict=True):
        pixels = preprocess(Image.fromarray(image.permute(1, 2, 0).numpy())).unsqueeze(0)
        with torch.no_grad():
            sides = model.eval().encode_image(pixels), model.encode_text(tokenizer([prompt]))
        values.append(torch.cosine_similarity(*sides))
    return torch.cat(values)


@pytest.mark.parametrize("shape", [(32, 32), (64, 64), (40, 56), (16, 16)])
@pytest.mark.parametrize("batch_size", [3, 32])
def test_the_cosine(clip: str, shape: tuple[int, int], batch_size: int) -> None:
    images = (255 * torch.nn.functional.interpolate(random(4), shape, mode="bilinear")).round() / 255
    expected = cosines(clip, images, PROMPTS)
    got = ClipSimilarity(clip, batch_size=batch_size)(drawn(images, PROMPTS))
    assert expected.std() > 0.01
    # Pillow resizes in 8 bits
    assert torch.allclose(got, expected, atol=1e-5 if shape == (32, 32) else 0.01)


def test_the_template(clip: str) -> None:
    rollout, longer = drawn(random(2), ["cat", "dog"]), drawn(random(2), ["the cat", "the dog"])
    assert torch.allclose(ClipSimilarity(clip, template="the {prompt}")(rollout), ClipSimilarity(clip)(longer))
    with pytest.raises(ConfigError, match=r"the template 'a photo' has no \{prompt\}"):
        ClipSimilarity(clip, template="a photo")


def test_prompts_matter_and_may_not_be_empty(clip: str) -> None:
    reward, image = ClipSimilarity(clip), random(1).expand(2, -1, -1, -1)
    one, other = reward(drawn(image, ["cat", "dog"])).tolist()
    assert abs(one - other) > 1e-3
    with pytest.raises(RewardError, match="ClipSimilarity would rate row 1 by an empty prompt"):
        reward(drawn(image, ["cat", " "]))


def test_an_architecture_with_a_file_of_weights(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="ViT-B-32 needs weights"):
        ClipSimilarity("ViT-B-32")
    with pytest.raises(ConfigError, match=r"there is no file .*none.pt to load the weights of ViT-B-32 from"):
        ClipSimilarity("ViT-B-32", str(tmp_path / "none.pt"))
    with pytest.raises(ConfigError, match=r"open_clip cannot load local-dir:.*give local-dir:FOLDER as model"):
        ClipSimilarity(f"local-dir:{tmp_path}")


def test_a_folder_in_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / "clip"
    folder.mkdir()
    tiny.clip(folder)
    ClipSimilarity("local-dir:~/clip")


def test_a_folder_without_weights_is_not_random(tmp_path: Path) -> None:
    name = tiny.clip(tmp_path)
    (tmp_path / "open_clip_model.safetensors").unlink()
    with pytest.raises(ConfigError, match="open_clip cannot load local-dir"):
        ClipSimilarity(name)
