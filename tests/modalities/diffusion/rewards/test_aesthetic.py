from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from rsoup_lightning.errors import ConfigError, WeightsError
from rsoup_lightning.modalities.diffusion.rewards import AestheticHead
from rsoup_lightning.modalities.diffusion.rewards.clip import Clip
from tests.modalities.diffusion.rewards import tiny
from tests.modalities.diffusion.rewards.drawn import drawn, random

pytest.importorskip("open_clip")

IMAGES = random(5)


class Predictor(nn.Module):
    """The layout of LAION's improved predictor, narrower."""

    def __init__(self, *widths: int) -> None:
        super().__init__()
        pairs = list(zip(widths, (*widths[1:], 1), strict=True))
        layers = [layer for pair in pairs for layer in (nn.Linear(*pair), nn.Dropout(0.2))]
        self.layers = nn.Sequential(*layers[:-3], nn.Linear(*pairs[-1]))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny.clip(tmp_path_factory.mktemp("clip"))


@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_one_layer(clip: str, tmp_path: Path, suffix: str) -> None:
    head = nn.Linear(16, 1)
    path = tmp_path / f"head.{suffix}"
    torch.save(head.state_dict(), path) if suffix == "pth" else save_file(head.state_dict(), path)
    got = AestheticHead(clip, str(path))(drawn(IMAGES))
    assert got.tolist() == pytest.approx(head(Clip(clip).images(IMAGES))[:, 0].tolist(), abs=1e-5)
    assert got.std() > 1e-3


def test_five_layers_in_their_order(clip: str, tmp_path: Path) -> None:
    predictor = Predictor(16, 12, 11, 10, 9).eval()
    names = [name for name in predictor.state_dict() if name.endswith("weight")]
    assert names == [f"layers.{index}.weight" for index in (0, 2, 4, 6, 7)]
    saved = dict(reversed(predictor.state_dict().items()))
    torch.save(saved, tmp_path / "head.pth")
    got = AestheticHead(clip, str(tmp_path / "head.pth"), batch_size=2)(drawn(IMAGES))
    expected = predictor.layers(Clip(clip).images(IMAGES))[:, 0]
    assert got.tolist() == pytest.approx(expected.tolist(), abs=1e-5)


def test_embeddings_have_length_one(clip: str) -> None:
    assert Clip(clip).images(IMAGES).norm(dim=1).tolist() == pytest.approx([1] * 5, abs=1e-5)


def test_a_head_of_another_model(clip: str, tmp_path: Path) -> None:
    torch.save(nn.Linear(24, 1).state_dict(), tmp_path / "head.pth")
    with pytest.raises(ConfigError, match=r"takes embeddings of 24 numbers, and local-dir:.* gives 16"):
        AestheticHead(clip, str(tmp_path / "head.pth"))


@pytest.mark.parametrize(
    "tensors",
    [
        {},
        {"weight": torch.zeros(2, 16), "bias": torch.zeros(2)},
        {"weight": torch.zeros(1, 16)},
        {
            "0.weight": torch.zeros(4, 16),
            "0.bias": torch.zeros(4),
            "1.weight": torch.zeros(1, 5),
            "1.bias": torch.ones(1),
        },
        {"weight": torch.zeros(1, 16), "bias": torch.zeros(1), "scale": torch.ones(1)},
        {"weight": torch.zeros(16), "bias": torch.zeros(1)},
    ],
)
def test_what_is_no_head(clip: str, tmp_path: Path, tensors: dict[str, torch.Tensor]) -> None:
    torch.save(tensors, tmp_path / "head.pth")
    with pytest.raises(WeightsError, match="it must be linear layers that follow each other and end in one number"):
        AestheticHead(clip, str(tmp_path / "head.pth"))


def test_a_file_that_cannot_be_read(clip: str, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"none.pth cannot be read"):
        AestheticHead(clip, str(tmp_path / "none.pth"))
    torch.save(nn.Linear(16, 1), tmp_path / "code.pth")  # a pickled class, which could run code
    with pytest.raises(WeightsError, match=r"code.pth cannot be read"):
        AestheticHead(clip, str(tmp_path / "code.pth"))
