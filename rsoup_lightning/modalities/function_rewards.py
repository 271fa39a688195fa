"""Python functions as rewards, by where they are imported from."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from rsoup_lightning.errors import ConfigError, RewardError
from rsoup_lightning.registry import imported


class RatingFunction:
    """A function that returns one number for each thing it is given.

    Args:
        function: where to import it from, as ``module:function``.
        each: what it rates, for the error: "answer".

    Raises:
        ConfigError: nothing of that name can be imported and called.
    """

    def __init__(self, function: str, each: str) -> None:
        self.function, self.each = function, each
        self._call = imported(function)
        if not callable(self._call):
            raise ConfigError(f"{function!r} is not a function but {self._call!r:.60}")

    def __call__(self, *arguments: Any) -> Tensor:
        """What the function makes of its arguments, in float32.

        Raises:
            RewardError: it returns something else than numbers.
        """
        values = self._call(*arguments)
        try:
            return torch.as_tensor(values, dtype=torch.float32).detach()
        except (TypeError, ValueError, RuntimeError) as error:
            raise RewardError(
                f"{self.function} returned {values!r:.80}, not one number for each {self.each}"
            ) from error
