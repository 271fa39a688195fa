"""Aesthetic scores: a head on CLIP's embeddings of pictures."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn.functional import linear

from rsoup_lightning.errors import ConfigError, WeightsError
from rsoup_lightning.files import user_path
from rsoup_lightning.modalities.diffusion.rewards.clip import Clip
from rsoup_lightning.modalities.diffusion.rewards.images import ImageReward


class AestheticHead(ImageReward):
    """How much people like a picture, on a scale of about 1 to 10: linear layers on CLIP's embedding of length one.

    For LAION's predictors ``model: ViT-L-14-quickgelu, weights: openai`` and as ``head`` their file: one layer
    (sa_0_4_vit_l_14_linear.pth), or five without anything between (sac+logos+ava1-l14-linearMSE.pth, the "ava" of
    Ramé et al. 2023). Heads with non-linear layers between cannot be told by their weights, and would be wrong here.

    Args:
        model: as in :class:`~.clip.Clip`.
        head: a file of its weights, in safetensors or as torch saves them.
        weights: as in :class:`~.clip.Clip`.
        batch_size: pictures embedded at once.

    Raises:
        ConfigError: the model cannot be loaded, or the head does not fit it.
        WeightsError: the head cannot be read.
    """

    def __init__(self, model: str, head: str, weights: str | None = None, batch_size: int = 32) -> None:
        self._layers = read_head(user_path(head))
        self._clip = Clip(model, weights, batch_size)
        width, size = self._layers[0][0].shape[1], self._clip.images(torch.zeros(1, 3, 8, 8)).shape[1]
        if width != size:
            raise ConfigError(f"the head {head} takes embeddings of {width} numbers, and {model} gives {size}")

    def rate(self, images: Tensor, prompts: Sequence[str]) -> Tensor:
        values = self._clip.images(images)
        for weight, bias in self._layers:
            values = linear(values, weight.to(values.device), bias.to(values.device))
        return values.squeeze(1)


def read_head(path: Path) -> list[tuple[Tensor, Tensor]]:
    """The weight ``[out, in]`` and bias ``[out]`` of each linear layer of a file, first to last.

    Raises:
        WeightsError: it is missing, damaged or not of plain tensors, or does not hold such layers, which follow each
            other and end in one number.
    """
    try:
        tensors = load_file(path) if path.suffix == ".safetensors" else _unpickle(path)
    except Exception as error:  # damaged files raise a dozen types, and the cure is the same
        raise WeightsError(f"the head {path} cannot be read ({error}): give a file of tensors by name") from error
    names = sorted((name for name in tensors if name.endswith("weight")), key=_position)
    layers = [(tensors[name].float(), tensors.get(name.removesuffix("weight") + "bias")) for name in names]
    sound = [(weight, bias.float()) for weight, bias in layers if bias is not None and weight.dim() == 2]
    widths = [weight.shape[0] for weight, _ in sound]
    follow = [weight.shape[1] for weight, _ in sound[1:]] + [1]
    if not sound or 2 * len(sound) != len(tensors) or widths != follow:
        listed = ", ".join(f"{name} {list(tensor.shape)}" for name, tensor in list(tensors.items())[:6]) or "nothing"
        raise WeightsError(
            f"the head {path} holds {listed}: it must be linear layers that follow each other and end in one number"
        )
    return sound


def _unpickle(path: Path) -> dict[str, Tensor]:
    tensors = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(tensors, dict) or not all(isinstance(value, Tensor) for value in tensors.values()):
        raise ValueError("it holds something else")
    return tensors


def _position(name: str) -> list[int]:
    return [int(digits) for digits in re.findall(r"\d+", name)]
