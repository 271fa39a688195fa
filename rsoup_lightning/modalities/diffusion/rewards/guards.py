"""What to watch while other rewards are maximised: whether pictures still are pictures."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.diffusion.rewards.features import SIDE, describe
from rsoup_lightning.modalities.diffusion.rewards.images import ImageReward
from rsoup_lightning.optional import need

COLOURS = 3


class PixelVariance(ImageReward):
    """The standard deviation of a picture's pixels, from 0 for one plain colour to 0.5.

    It is the root of the variance over places, averaged over red, green and blue. Noise has much of it too.
    """

    guard = True

    def rate(self, images: Tensor, prompts: Sequence[str]) -> Tensor:
        return images.flatten(2).var(2, correction=0).mean(1).sqrt()


class Realism(ImageReward):
    """Minus how far a picture is from the mean of real ones; for these it is -1 on average.

    The distance is the squared one of Mahalanobis between the features of a picture (see
    :mod:`.features`) and those of real pictures, with the covariance of Ledoit and Wolf (2004). It is what the Frechet
    distance is for a set, for a single picture: noise, blur, plain and gaudy pictures stand out. It sees colours and
    contrasts, not what is where; and it cannot see that all pictures are the same one.

    Raises:
        ConfigError: too few pictures, or too small ones; or scikit-learn is not installed.
    """

    guard = True
    least_side = SIDE

    def __init__(self) -> None:
        real = self.pictures()
        if real.dim() != 4 or len(real) < 100 or min(real.shape[2:]) < SIDE:
            raise ConfigError(
                f"pictures {list(real.shape)}: what is real is learnt from at least 100, of {SIDE} x {SIDE} pixels or "
                "more"
            )
        covariance = need("sklearn.covariance", "scikit-learn", "data")
        features = describe(real, COLOURS).double()
        self._mean = features.mean(0)
        self._precision = torch.from_numpy(covariance.LedoitWolf().fit(features.numpy()).precision_)
        self._unit = self._distance(real).mean()

    @abstractmethod
    def pictures(self) -> Tensor:
        """Real pictures ``[N, 3, H, W]`` from 0 to 1.

        Raises:
            ConfigError: they are not installed.
        """

    def rate(self, images: Tensor, prompts: Sequence[str]) -> Tensor:
        return -self._distance(images.cpu()) / self._unit

    def _distance(self, images: Tensor) -> Tensor:
        off = describe(images, COLOURS).double() - self._mean
        return (off @ self._precision * off).sum(1)
