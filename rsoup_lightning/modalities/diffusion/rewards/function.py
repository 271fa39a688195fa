"""Any Python function as a reward of pictures."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from rsoup_lightning.modalities.diffusion.rewards.images import PromptedReward
from rsoup_lightning.modalities.function_rewards import RatingFunction


class ImageFunction(PromptedReward):
    """A function of pictures ``[B, 3, H, W]`` from 0 to 1 and their B prompts that returns one number for each.

    Args:
        function: where to import it from, as ``module:function``.

    Raises:
        ConfigError: nothing of that name can be imported and called.
    """

    def __init__(self, function: str) -> None:
        self.function = function
        self._call = RatingFunction(function, each="picture")

    @property
    def name(self) -> str:
        return self.function

    def rate(self, images: Tensor, prompts: Sequence[str]) -> Tensor:
        return self._call(images, prompts)
