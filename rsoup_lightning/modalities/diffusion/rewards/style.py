"""A linear classifier of two styles of pictures that trains in seconds: features and logistic regression."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn.functional import avg_pool2d, pad

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.diffusion.rewards.features import SIDE, describe
from rsoup_lightning.optional import need

FORMAT = 1
"""Of the file and of the training. A new number leaves old files behind."""
COLOURS = 8
HELD_OUT = 10
"""One in so many pictures is held out to measure the accuracy."""
NOISE = 0.06
STRENGTH = 10.0
"""The inverse of the penalty on the weights, per summed loss."""


@dataclass(frozen=True)
class StyleClassifier:
    """Weights of a trained classifier of two styles.

    Attributes:
        weights: ``[F]`` of the features of :func:`~.features.describe`.
        bias: scalar.
        accuracy: on one in ``HELD_OUT`` pictures, of a classifier trained on the others.
    """

    weights: Tensor
    bias: Tensor
    accuracy: float

    def log_odds(self, images: Tensor) -> Tensor:
        """``[B]`` log-odds that ``images [B, 3, H, W]``, from 0 to 1, are of the first style."""
        features = describe(images, COLOURS)
        return features @ self.weights.to(features) + self.bias.to(features)

    def save(self, path: Path) -> None:
        """Write all of it to a safetensors file."""
        accuracy = torch.tensor(self.accuracy, dtype=torch.float64)
        save_file({"weights": self.weights, "bias": self.bias, "accuracy": accuracy}, path)

    @classmethod
    def load(cls, path: Path) -> StyleClassifier:
        """What :meth:`save` wrote.

        Raises:
            OSError, SafetensorError, KeyError: the file is missing or damaged.
        """
        tensors = load_file(path)
        return cls(tensors["weights"], tensors["bias"], float(tensors["accuracy"]))


def train_style(liked: Tensor, others: Tensor) -> StyleClassifier:
    """Train on all pictures, as they are, with some noise, and blurred.

    Pictures of a policy are never as clean as drawn ones: without noise and blur in training, a trace of either
    decides the style. The same pictures always give the same classifier.

    Args:
        liked: ``[N, 3, H, W]`` from 0 to 1, of the first style.
        others: ``[M, 3, H, W]`` of the second. Every tenth picture of both is held out: where the two show the same
            things in the same order, a thing is held out in both styles.

    Raises:
        ConfigError: fewer than twenty pictures of a style, or smaller than 32 x 32; or scikit-learn is not installed.
    """
    for images in (liked, others):
        if images.dim() != 4 or len(images) < 20 or min(images.shape[2:]) < SIDE:
            raise ConfigError(
                f"pictures {list(images.shape)}: a style is learnt from at least 20, of {SIDE} x {SIDE} pixels or more"
            )
    linear_model = need("sklearn.linear_model", "scikit-learn", "data")
    styles = [_with_spoilt(images) for images in (liked, others)]  # each [3, N, F]

    def fit(kept: list[Tensor]) -> tuple[Tensor, Tensor]:
        features = torch.cat([style[:, rows].flatten(0, 1) for style, rows in zip(styles, kept, strict=True)]).numpy()
        labels = np.repeat([1, 0], [3 * int(rows.sum()) for rows in kept])
        regression = linear_model.LogisticRegression(C=STRENGTH, tol=1e-6, max_iter=2000).fit(features, labels)
        return torch.from_numpy(regression.coef_[0]).float(), torch.tensor(float(regression.intercept_[0]))

    held_out = [torch.arange(style.shape[1]) % HELD_OUT == 0 for style in styles]
    weights, bias = fit([~rows for rows in held_out])
    odds = [style[0, rows] @ weights + bias for style, rows in zip(styles, held_out, strict=True)]
    right = torch.cat([odds[0] > 0, odds[1] < 0])
    return StyleClassifier(*fit([torch.ones_like(rows) for rows in held_out]), accuracy=float(right.float().mean()))


def _with_spoilt(images: Tensor) -> Tensor:
    """``[3, N, F]`` the features of pictures, of noisy ones, and of blurred ones."""
    dice = torch.Generator().manual_seed(0)
    amount = NOISE * torch.rand(len(images), 1, 1, 1, generator=dice)
    noisy = (images + amount * torch.randn(images.shape, generator=dice)).clamp(0, 1)
    # twice two by two is the binomial filter of three by three
    blurred = avg_pool2d(avg_pool2d(pad(images, (1, 1, 1, 1), mode="replicate"), 2, 1), 2, 1)
    return torch.stack([describe(version, COLOURS) for version in (images, noisy, blurred)])
