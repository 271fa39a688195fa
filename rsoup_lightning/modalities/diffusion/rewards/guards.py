"""What to watch while other rewards are maximised: whether pictures still are pictures."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, normalize

from rsoup_lightning.errors import ConfigError, RewardError
from rsoup_lightning.modalities.diffusion.rewards.features import SIDE, describe
from rsoup_lightning.modalities.diffusion.rewards.images import ImageReward, PromptedReward
from rsoup_lightning.optional import need

COLOURS = 3
COARSE = 8
"""Pixels per side in which pictures are recognised."""


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
        self._unit = self._distance(features).mean()

    @abstractmethod
    def pictures(self) -> Tensor:
        """Real pictures ``[N, 3, H, W]`` from 0 to 1.

        Raises:
            ConfigError: they are not installed.
        """

    def rate(self, images: Tensor, prompts: Sequence[str]) -> Tensor:
        return -self._distance(describe(images.cpu(), COLOURS).double()) / self._unit

    def _distance(self, features: Tensor) -> Tensor:
        off = features - self._mean
        return (off @ self._precision * off).sum(1)


class Recognition(PromptedReward):
    """1 where a picture is more like a real one of its prompt than like those of the other prompts, else 0.

    Likeness is the cosine of what is left of two pictures, averaged down to 8 x 8 pixels, without the mean picture; a
    prompt that has several real pictures counts by the most alike. The mean is a retrieval score (recall at 1), and
    chance is 1 in ``among``.

    Args:
        among: how many prompts a picture is matched against, its own one with them: the first of the real ones.

    Raises:
        ConfigError: among is below two, or more than there are.
    """

    guard = True

    def __init__(self, among: int = 100) -> None:
        named = self.named_pictures()
        if not 2 <= among <= len(named):
            raise ConfigError(f"among is {among}: there are {len(named)} prompts with pictures, so give 2 to as many")
        self.among = among
        coarse = {prompt: adaptive_avg_pool2d(pictures, COARSE).flatten(1) for prompt, pictures in named.items()}
        self._mean = torch.cat(list(coarse.values())).mean(0)
        self._real = {prompt: normalize(pictures - self._mean, dim=1) for prompt, pictures in coarse.items()}

    @abstractmethod
    def named_pictures(self) -> Mapping[str, Tensor]:
        """Real pictures ``[N, 3, H, W]`` from 0 to 1 of each prompt.

        Raises:
            ConfigError: they are not installed.
        """

    def rate(self, images: Tensor, prompts: Sequence[str]) -> Tensor:
        seen = normalize(adaptive_avg_pool2d(images.cpu(), COARSE).flatten(1) - self._mean, dim=1)
        others = list(self._real)[: self.among]
        likeness = torch.stack([(seen @ self._real[other].T).amax(1) for other in others], 1)
        return torch.stack([self._found(*row, others) for row in zip(seen, likeness, prompts, strict=True)])

    def _found(self, seen: Tensor, likeness: Tensor, prompt: str, others: Sequence[str]) -> Tensor:
        """Whether the picture ``seen`` of ``prompt`` is less like each of the ``others``, given those likenesses."""
        if prompt not in self._real:
            raise RewardError(
                f"{self.name} has no real picture of {prompt!r}: use prompts that it has, or leave it out"
            )
        # Where the prompt is none of the others it takes the place of the last.
        rivals = [number for number, other in enumerate(others) if other != prompt][: self.among - 1]
        return ((self._real[prompt] @ seen).amax() > likeness[rivals].amax()).float()
