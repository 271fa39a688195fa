"""Prompts as an environment: images to train on, and the same prompts and noise for every policy evaluated."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache

import torch
from PIL import Image
from torch import Tensor

from rsoup_lightning.environment import Shown
from rsoup_lightning.errors import ConfigError, RewardError
from rsoup_lightning.mixture import Mixture, Rows
from rsoup_lightning.modalities.data import PromptData, Split
from rsoup_lightning.modalities.data_environment import DataEnvironment, check_some, evaluated, evaluation_generators
from rsoup_lightning.modalities.diffusion.playing import Drawing, Sketch
from rsoup_lightning.modalities.diffusion.sampling import Chain, Noise, take_step
from rsoup_lightning.modalities.diffusion.soups import ImagePolicy
from rsoup_lightning.modalities.pictures import encoded, shrunk
from rsoup_lightning.modalities.running_calls import RunningCalls
from rsoup_lightning.policy import Policy
from rsoup_lightning.rollout import Rollout

Draw = Callable[[Tensor, Noise], Chain]


class PromptEnvironment(DataEnvironment):
    """Prompts to draw; the question of an entry is its prompt. Rollouts carry

    - per step of a chain: ``latents`` and ``next_latents [B, T, C, H, W]``, before and after it, and ``step [B, T]``,
      its number; or, under the denoising likelihood, one step per image with the finished ``latents [B, 1, C, H, W]``
      and a log-probability of 0, as that of drawing is not known;
    - per row: ``images [B, 3, height, width]`` from 0 to 1, ``prompt_number [B]``, its prompt's to the policy,
      and ``id [B]``, the entry's;
    - as texts: ``prompt``.

    The image of an evaluation entry comes from noise of its own, seeded by 2**30 plus its number: that of diffusers'
    pipeline called with such a generator, whatever else is drawn beside it.

    Args:
        data: where prompts come from.
        unit: what a rollout's steps are called in reports.
        **sizes: as of DataEnvironment.
    """

    def __init__(self, data: PromptData, unit: str = "denoising steps", **sizes: int) -> None:
        super().__init__(**sizes)
        self.data = data
        self.unit = unit
        self._prompts = cache(self._checked_prompts)

    def count(self, split: Split) -> int:
        return len(self._prompts(split))

    @torch.no_grad()
    def rollout(self, policy: Policy, batch: int, *, completions: int = 1, greedy: bool = False) -> Rollout:
        if greedy:
            raise ConfigError("no image is the most likely one: choose an algorithm without greedy baseline, as RLOO")
        drawing, entries = _drawing(policy), self.training_entries(batch).repeat_interleave(completions)
        shape, device = (len(entries), *drawing.pipeline.latent_shape), drawing.pipeline.device
        return self._play(drawing, drawing.propose, "train", entries, lambda: torch.randn(shape, device=device))

    @torch.no_grad()
    def evaluate(self, policy: Policy, batch: Tensor) -> Rollout:
        drawing = _drawing(policy)
        own = noise_of(evaluation_generators(batch), drawing.pipeline.latent_shape)
        # The same noise for every member, so that images differ by what λ changes and not by chance.
        noise: Noise = lambda: own().repeat(policy.members, 1, 1, 1).to(drawing.pipeline.device)  # noqa: E731
        split, places = evaluated(batch)
        return self._play(drawing, drawing.draw, split, places.repeat(policy.members), noise)

    def player(self, rows: Rows) -> Drawing:
        return Drawing(rows, self._pictures, _further)

    def running(self, soup: Mixture, **limits: int) -> RunningCalls[tuple[str, int]]:
        """Each row is given a prompt and a seed, and makes a picture of them."""

        def draw(rows: Rows, given: Sequence[tuple[str, int]]) -> list[Image.Image]:
            return self.player(rows).draw([prompt for prompt, _ in given], seed=[seed for _, seed in given])

        return RunningCalls(soup, draw, **limits)

    @torch.no_grad()
    def _pictures(
        self, policy: Policy, prompts: Sequence[str], generators: Sequence[torch.Generator]
    ) -> list[Image.Image]:
        drawing = _drawing(policy)
        own, copies = noise_of(generators, drawing.pipeline.latent_shape), len(prompts) // len(generators)
        noise: Noise = lambda: own().repeat(copies, 1, 1, 1).to(drawing.pipeline.device)  # noqa: E731
        drawing.pipeline.prompts.check_lengths(prompts)
        with drawing.pipeline.prompts.forgetting():
            _, images = _images(drawing, drawing.draw, prompts, torch.arange(len(prompts)), noise)
        return [as_picture(image) for image in images]

    def outputs(self, rollout: Rollout) -> Sequence[Tensor]:
        return list(rollout["images"])

    def shown(self, rollout: Rollout, count: int) -> list[Shown]:
        rows = zip(rollout.texts["prompt"][:count], rollout["images"][:count], strict=True)
        return [Shown(title=prompt, picture=encoded(shrunk(as_picture(image)))) for prompt, image in rows]

    def _play(self, policy: ImagePolicy, draw: Draw, split: Split, entries: Tensor, noise: Noise) -> Rollout:
        """Draw the entries ``[B]``, by their numbers."""
        prompts = [self._prompts(split)[entry] for entry in entries.tolist()]
        chain, images = _images(policy, draw, prompts, entries, noise)
        log_probs, mask, steps = _taken(chain, policy)
        context = {
            "images": images,
            "prompt_number": policy.pipeline.prompts.numbers(prompts),
            "id": entries.to(images.device),
        }
        return Rollout(log_probs, mask, steps, context=context, texts={"prompt": prompts})

    def _checked_prompts(self, split: Split) -> Sequence[str]:
        """The prompts of a split.

        Raises:
            ConfigError: there is none, or an empty one.
        """
        prompts = [entry.question.strip() for entry in self.data.entries(split)]
        check_some(prompts, self.data, split)
        for number, prompt in enumerate(prompts):
            if not prompt:
                raise ConfigError(f"{split} entry {number} of {type(self.data).__name__} has an empty prompt")
        return prompts


def noise_of(generators: Sequence[torch.Generator], shape: Sequence[int]) -> Noise:
    """Noise ``[B, C, H, W]`` of the ``shape`` C, H, W: that of a row depends on its generator and on nothing else."""
    return lambda: torch.stack([torch.randn(*shape, generator=generator) for generator in generators])


def as_picture(image: Tensor) -> Image.Image:
    """``image [3, height, width]`` from 0 to 1 as Pillow's."""
    return Image.fromarray((image * 255).round().byte().permute(1, 2, 0).cpu().numpy())


def _images(
    policy: ImagePolicy, draw: Draw, prompts: Sequence[str], entries: Tensor, noise: Noise
) -> tuple[Chain, Tensor]:
    """A chain for each of the prompts, of the entries ``[B]``, and the images ``[B, 3, height, width]`` at its end."""
    chain = draw(policy.pipeline.prompts.numbers(prompts), noise)
    images = policy.pipeline.decode(chain.latents[:, -1])
    _check(images, entries, prompts)
    return chain, images


@torch.no_grad()
def _further(policy: Policy, sketches: Sequence[Sketch], seconds: float) -> list[Sketch]:
    """Sketches after the next step of a policy, and those it takes in some seconds; all of them have taken as many."""
    end = time.perf_counter() + seconds
    drawing, prompts = _drawing(policy), [sketch.prompt for sketch in sketches]
    pipeline, number = drawing.pipeline, sketches[0].steps
    own = noise_of([sketch.noise for sketch in sketches], pipeline.latent_shape)
    noise: Noise = lambda: own().to(pipeline.device)  # noqa: E731
    begun = [sketch.latents for sketch in sketches if sketch.latents is not None]
    latents, finished = torch.stack(begun) if begun else noise(), False
    pipeline.prompts.check_lengths(prompts)
    with pipeline.prompts.forgetting(), drawing.denoising(pipeline.prompts.numbers(prompts)) as denoise:
        while not finished:
            step = take_step(pipeline.schedule, denoise, latents, number, noise)
            latents, number = step.after, number + 1
            finished = number == len(pipeline.schedule)
            if time.perf_counter() >= end:
                break
    images = pipeline.decode(step.after if finished else step.clean)
    _check(images, torch.arange(len(images)), prompts)
    return [
        replace(sketch, steps=number, latents=after, picture=as_picture(image), finished=finished)
        for sketch, after, image in zip(sketches, step.after, images, strict=True)
    ]


def _drawing(policy: Policy) -> ImagePolicy:
    if not isinstance(policy, ImagePolicy):
        raise ConfigError(f"images need a diffusion policy, not {type(policy).__name__}")
    return policy


def _taken(chain: Chain, policy: ImagePolicy) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """Log-probabilities, mask and payload of the steps that ``policy`` can re-score."""
    if policy.likelihood == "denoising":
        alone = torch.ones_like(chain.log_probs[:, :1])
        return torch.zeros_like(alone), alone.bool(), {"latents": chain.latents[:, -1:]}
    rows, steps = chain.log_probs.shape
    mask = policy.pipeline.schedule.stochastic.expand(rows, steps)
    numbers = torch.arange(steps, device=mask.device).expand(rows, steps)
    payload = {"latents": chain.latents[:, :-1], "next_latents": chain.latents[:, 1:], "step": numbers}
    return chain.log_probs, mask, payload


def _check(images: Tensor, entries: Tensor, prompts: Sequence[str]) -> None:
    """Require finite images.

    Raises:
        RewardError: one is not; names the row.
    """
    bad = (~images.isfinite().flatten(1).all(1)).nonzero()
    if len(bad):
        row = int(bad[0])
        raise RewardError(
            f"the image of row {row} (id {int(entries[row])}, {prompts[row]!r:.60}) holds NaN, and nothing was "
            "updated with it: lower the learning rate, or set precision to float32"
        )
