"""How soups of denoisers are played: prompts in, pictures out.

Notation: B rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from PIL.Image import Image
from torch import Tensor

from rsoup_lightning.mixture import Rows
from rsoup_lightning.modalities.playing import Seed, generators, seeds, texts
from rsoup_lightning.policy import Policy


@dataclass(frozen=True)
class Sketch:
    """A picture while it is drawn.

    Attributes:
        prompt: what is drawn.
        noise: where its noise comes from.
        steps: how many were taken.
        latents: ``[C, H, W]`` after them; None before the first.
        picture: as the denoiser sees it by then; None before the first.
        finished: whether that is the finished one.
    """

    prompt: str
    noise: torch.Generator
    steps: int = 0
    latents: Tensor | None = None
    picture: Image | None = None
    finished: bool = False


@dataclass(frozen=True, repr=False)
class Drawing:
    """Draws prompts as evaluation does: by the same steps and guidance.

    Attributes:
        rows: which policy plays which of them.
        drawn: a policy's pictures of prompts, from the noise of generators, one for all of them or one for each.
        further: unfinished sketches after further steps of a policy: the next one, and more while some seconds last.
    """

    rows: Rows
    drawn: Callable[[Policy, Sequence[str], Sequence[torch.Generator]], list[Image]]
    further: Callable[[Policy, Sequence[Sketch], float], list[Sketch]]

    def __repr__(self) -> str:
        return f"Drawing({self.rows}; draw(prompts))"

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

    def stream(self, prompts: Sequence[str], *, seed: Seed = 0, every: float = 0.0) -> Iterator[list[Image]]:
        """The same pictures while they are drawn: after each step as the denoiser sees them, at last as they are.

        Whenever they are shown, others may play the soup.

        Args:
            prompts, seed: as of :meth:`draw`.
            every: seconds in which steps are taken without being shown; 0 shows each.

        Raises:
            ConfigError, RewardError, CoefficientError: as of :meth:`draw`.
        """
        wanted = texts(prompts, "prompts")
        own = seeds(seed, len(wanted))
        sketches = [Sketch(text, torch.Generator().manual_seed(each)) for text, each in zip(wanted, own, strict=True)]

        def further(policy: Policy, numbers: list[int]) -> list[Sketch]:
            begun = [sketches[number] for number in numbers]  # of one policy, and so with as many steps each
            return begun if begun[0].finished else self.further(policy, begun, every)

        while not all(sketch.finished for sketch in sketches):
            sketches = self.rows(len(sketches), further)
            yield [sketch.picture for sketch in sketches if sketch.picture]
