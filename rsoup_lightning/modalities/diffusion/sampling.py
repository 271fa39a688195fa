"""Stochastic DDIM (Song et al. 2021): a chain of Gaussian steps from noise to latents, and its log-probabilities.

Notation: B rows, T steps, ᾱ the scheduler's ``alphas_cumprod``; latents are ``[B, C, H, W]``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.optional import need

KINDS = ("DDIMScheduler", "DDPMScheduler")

Noise = Callable[[], Tensor]
"""Standard normal noise ``[B, C, H, W]``: a call for the start of a chain, and one for each of its steps."""

Denoise = Callable[[Tensor, Tensor], Tensor]
"""What a denoiser says of latents ``[B, C, H, W]`` at the steps ``[B]``."""


@dataclass(frozen=True)
class Chain:
    """What was sampled.

    Attributes:
        latents: ``[B, T + 1, C, H, W]``, from noise to the finished ones.
        log_probs: ``[B, T]`` of the steps, 0 at those that leave nothing to chance.
    """

    latents: Tensor
    log_probs: Tensor


@dataclass(frozen=True)
class Step:
    """One step of a chain.

    Attributes:
        after: ``[B, C, H, W]`` latents that it leads to.
        log_probs: ``[B]``, 0 where it leaves nothing to chance.
        clean: ``[B, C, H, W]`` the data that the denoiser sees in the latents before it.
    """

    after: Tensor
    log_probs: Tensor
    clean: Tensor


class Schedule(nn.Module):
    """The T steps of a chain, in the order they are taken.

    Args:
        scheduler: of diffusers, a DDIMScheduler or DDPMScheduler.
        steps: T.
        eta: η, from 0, where a chain follows from its start alone, to 1, where it is DDPM's.

    Attributes:
        timesteps: ``[T]`` where on the way from data (0) to noise the denoiser is asked.
        alphas: ``[T]`` ᾱ before each step.
        next_alphas: ``[T]`` ᾱ after each step.
        sigmas: ``[T]`` σ of each step, its standard deviation.
        all_alphas: ᾱ of all timesteps the denoiser was trained on.

    Raises:
        ConfigError: a scheduler that takes other steps, or numbers out of range.
    """

    timesteps: Tensor
    alphas: Tensor
    next_alphas: Tensor
    sigmas: Tensor
    all_alphas: Tensor

    def __init__(self, scheduler: Any, steps: int, eta: float) -> None:
        super().__init__()
        kind = type(scheduler).__name__
        if kind not in KINDS:
            raise ConfigError(
                f"the pipeline's {kind} takes no stochastic DDIM steps, which have log-probabilities: set "
                "base.init_args.scheduler to ddim, which takes them on the same noise schedule"
            )
        settings = scheduler.config
        most = settings.num_train_timesteps
        if not 1 <= steps <= most:
            raise ConfigError(f"steps is {steps}: it must be between 1 and the {most} that the denoiser was trained on")
        if not 0 <= eta <= 1:
            raise ConfigError(f"eta is {eta}: it must be between 0 (deterministic) and 1 (as DDPM)")
        if settings.thresholding:
            raise ConfigError(
                "the scheduler's dynamic thresholding is not for latents: set thresholding to false in it"
            )
        ddim = need("diffusers", "diffusers", "diffusion").DDIMScheduler.from_config(settings)
        ddim.set_timesteps(steps)
        earlier = ddim.timesteps - most // steps
        all_alphas = ddim.alphas_cumprod.double()
        alphas = all_alphas[ddim.timesteps]
        if not alphas.min() > 0:
            raise ConfigError(
                "the scheduler begins where nothing of the data is left (zero terminal SNR): not supported"
            )
        last = ddim.final_alpha_cumprod.double()
        next_alphas = torch.where(earlier >= 0, all_alphas[earlier.clamp(min=0)], last)
        self.prediction = str(settings.prediction_type)
        self.limit = float(settings.clip_sample_range) if settings.clip_sample else None
        tensors = {
            "timesteps": ddim.timesteps,
            "alphas": alphas.float(),
            "next_alphas": next_alphas.float(),
            "sigmas": ddim_sigma(alphas, next_alphas, eta).float(),
            "all_alphas": all_alphas.float(),
        }
        for name, tensor in tensors.items():
            self.register_buffer(name, tensor, persistent=False)

    def __len__(self) -> int:
        return len(self.timesteps)

    @property
    def stochastic(self) -> Tensor:
        """``[T]`` bool, whether a step leaves something to chance; else it has no log-probability."""
        return self.sigmas > 0

    def require_stochastic(self) -> None:
        """Check that some step leaves something to chance: else there is no policy gradient.

        Raises:
            ConfigError: none does.
        """
        if not self.stochastic.any():
            raise ConfigError(
                "policy gradients need steps that leave something to chance: set eta above 0 (1 is DDPM) and steps "
                "above 1, or set likelihood to denoising, which any sampler serves"
            )

    def mean(self, latents: Tensor, predicted: Tensor, steps: Tensor) -> Tensor:
        """``[B, C, H, W]`` where the steps number ``steps [B]`` lead from ``latents`` without their noise."""
        return self.lead(*self.split(latents, predicted, steps), steps)

    def split(self, latents: Tensor, predicted: Tensor, steps: Tensor) -> tuple[Tensor, Tensor]:
        """Data and noise ``[B, C, H, W]`` in ``latents`` before the steps number ``steps [B]``."""
        clean, noise = clean_and_noise(latents, predicted, _wide(self.alphas[steps]), self.prediction)
        return (clean if self.limit is None else clean.clamp(-self.limit, self.limit)), noise

    def lead(self, clean: Tensor, noise: Tensor, steps: Tensor) -> Tensor:
        """``[B, C, H, W]`` where the steps number ``steps [B]`` lead from such data and noise, without their own."""
        return ddim_mean(clean, noise, _wide(self.next_alphas[steps]), _wide(self.sigmas[steps]))

    def log_prob(self, after: Tensor, mean: Tensor, steps: Tensor) -> Tensor:
        """``[B]`` log-density of arriving at ``after`` by the steps number ``steps [B]``; 0 at deterministic ones."""
        sigmas = self.sigmas[steps]
        safe = torch.where(sigmas > 0, sigmas, 1)
        return torch.where(sigmas > 0, log_density(after, mean, safe), 0)


@torch.no_grad()
def sample_chain(schedule: Schedule, denoise: Denoise, noise: Noise) -> Chain:
    """A chain from fresh noise to finished latents.

    Args:
        schedule: its steps.
        denoise: what the denoiser says, guidance included.
        noise: of the start and of each step.
    """
    latents = [noise()]
    log_probs = []
    for number in range(len(schedule)):
        step = take_step(schedule, denoise, latents[-1], number, noise)
        log_probs.append(step.log_probs)
        latents.append(step.after)
    return Chain(torch.stack(latents, 1), torch.stack(log_probs, 1))


def take_step(schedule: Schedule, denoise: Denoise, latents: Tensor, number: int, noise: Noise) -> Step:
    """Step ``number`` of a chain, from ``latents [B, C, H, W]``; other arguments as of :func:`sample_chain`."""
    steps = torch.full((len(latents),), number, device=latents.device)
    clean, left = schedule.split(latents, denoise(latents, steps), steps)
    mean = schedule.lead(clean, left, steps)
    after = mean + schedule.sigmas[number] * noise()
    return Step(after, schedule.log_prob(after, mean, steps), clean)


def ddim_sigma(alphas: Tensor, next_alphas: Tensor, eta: float) -> Tensor:
    """σ of a step (Song et al. 2021, equation 16), of the shape of ᾱ before and after it."""
    return eta * ((1 - next_alphas) / (1 - alphas) * (1 - alphas / next_alphas)).sqrt()


def ddim_mean(clean: Tensor, noise: Tensor, next_alphas: Tensor, sigmas: Tensor) -> Tensor:
    """The mean of a step (Song et al. 2021, equation 12), given what is thought to be data and noise in latents."""
    # Rounding may bring what is left for the noise below zero where η is 1.
    return next_alphas.sqrt() * clean + (1 - next_alphas - sigmas.square()).clamp(min=0).sqrt() * noise


def clean_and_noise(latents: Tensor, predicted: Tensor, alphas: Tensor, prediction: str) -> tuple[Tensor, Tensor]:
    """Data and noise in ``latents``, by what a denoiser says of them.

    Args:
        latents: ``[B, C, H, W]``.
        predicted: of the same shape.
        alphas: ᾱ, ``[B, 1, 1, 1]``.
        prediction: what ``predicted`` is: epsilon, the noise; sample, the data; v_prediction, √ᾱ noise - √(1-ᾱ) data
            (Salimans & Ho 2022).
    """
    data_share, noise_share = alphas.sqrt(), (1 - alphas).sqrt()
    if prediction == "epsilon":
        return (latents - noise_share * predicted) / data_share, predicted
    if prediction == "sample":
        return predicted, (latents - data_share * predicted) / noise_share
    if prediction == "v_prediction":
        return data_share * latents - noise_share * predicted, data_share * predicted + noise_share * latents
    raise ConfigError(f"the scheduler's prediction_type {prediction!r} is none of epsilon, sample and v_prediction")


def noised(clean: Tensor, noise: Tensor, alphas: Tensor, prediction: str) -> tuple[Tensor, Tensor]:
    """Latents with noise in them, and what a denoiser should say of them; arguments as of :func:`clean_and_noise`."""
    data_share, noise_share = alphas.sqrt(), (1 - alphas).sqrt()
    targets = {"epsilon": noise, "sample": clean, "v_prediction": data_share * noise - noise_share * clean}
    if prediction not in targets:
        raise ConfigError(f"the scheduler's prediction_type {prediction!r} is none of {', '.join(targets)}")
    return data_share * clean + noise_share * noise, targets[prediction]


def guided(unconditional: Tensor, conditional: Tensor, scale: float) -> Tensor:
    """Classifier-free guidance (Ho & Salimans 2021) as diffusers writes it: scale 1 is the conditional prediction."""
    return unconditional + scale * (conditional - unconditional)


def log_density(values: Tensor, means: Tensor, sigmas: Tensor) -> Tensor:
    """``[B]`` log-density of ``values [B, ...]``, summed over all else, under Gaussians of
    standard deviations ``sigmas [B]``."""
    scaled = ((values - means) / _wide(sigmas, values.dim())).flatten(1)
    constant = sigmas.log() + 0.5 * math.log(2 * math.pi)
    return -0.5 * scaled.square().sum(1) - scaled.shape[1] * constant


def _wide(per_row: Tensor, dimensions: int = 4) -> Tensor:
    """``[B]`` as ``[B, 1, ...]`` of so many dimensions."""
    return per_row.view(-1, *[1] * (dimensions - 1))
