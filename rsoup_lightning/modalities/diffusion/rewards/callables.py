"""Any Python function as a reward of pictures."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from rsoup_lightning.errors import ConfigError, RewardError
from rsoup_lightning.modalities.diffusion.rewards.images import PromptedReward
from rsoup_lightning.registry import load


class Function(PromptedReward):
    """A function of pictures ``[B, 3, H, W]`` from 0 to 1 and their B prompts that returns one number for each.

    Args:
        function: where to import it from, as ``module:function``.

    Raises:
        ConfigError: nothing of that name can be imported and called.
    """

    def __init__(self, function: str) -> None:
        self.function = function
        self._call = load(function)
        if not callable(self._call):
            raise ConfigError(f"{function!r} is no function but {self._call!r:.60}")

    @property
    def name(self) -> str:
        return self.function

    def rate(self, images: Tensor, prompts: Sequence[str]) -> Tensor:
        values = self._call(images, prompts)
        try:
            return torch.as_tensor(values, dtype=torch.float32).detach()
        except (TypeError, ValueError, RuntimeError) as error:
            raise RewardError(f"{self.function} returned {values!r:.80}, not one number for each picture") from error
