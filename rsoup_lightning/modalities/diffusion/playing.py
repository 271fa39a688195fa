"""How soups of denoisers are played: prompts in, pictures out.

Notation: B rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from PIL.Image import Image

from rsoup_lightning.mixture import Rows
from rsoup_lightning.modalities.playing import Seed, generators, texts
from rsoup_lightning.policy import Policy


@dataclass(frozen=True)
class Drawing:
    """Draws prompts as evaluation does: by the same steps and guidance.

    Attributes:
        rows: which policy plays which of them.
        drawn: a policy's pictures of prompts, from the noise of generators, one for all of them or one for each.
    """

    rows: Rows = field(repr=False)
    drawn: Callable[[Policy, Sequence[str], Sequence[torch.Generator]], list[Image]] = field(repr=False)

    def draw(self, prompts: Sequence[str], *, seed: Seed = 0) -> list[Image]:
        """A picture of each of B prompts, whatever is drawn beside it.

        Args:
            prompts: what to draw.
            seed: of all rows, which then begin at the same noise, or one for each.

        Raises:
            ConfigError: a prompt is longer than the text encoder reads.
            RewardError: a picture is not finite.
            CoefficientError: rows have a λ each, and there are more or fewer of these.
        """
        wanted = texts(prompts, "prompts")

        def draw(policy: Policy, numbers: list[int]) -> list[Image]:
            return self.drawn(policy, [wanted[number] for number in numbers], generators(seed, numbers, len(wanted)))

        return self.rows(len(wanted), draw)
