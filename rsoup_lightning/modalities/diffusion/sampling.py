"""A chain of Gaussian steps from noise to latents, and its log-probabilities; :mod:`.schedules` says which steps.

Notation: B rows, T steps; latents are ``[B, C, H, W]``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rsoup_lightning.errors import ConfigError

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
    """The T steps of a chain, in the order they are taken. Latents are shares of data and noise; a step sees both in
    them, and leads to other shares and fresh noise.

    Args:
        timesteps: ``[T]`` where on the way from data (0) to noise the denoiser is asked.
        shares: ``[T, 2]`` of data and of noise before each step.
        next_shares: ``[T, 2]`` of data and of the noise that was seen, after each step.
        sigmas: ``[T]`` σ of each step, its standard deviation: the share of fresh noise.
        all_times: ``[N]`` all timesteps the denoiser was trained on.
        all_shares: ``[N, 2]`` of data and of noise there.
        prediction: what a denoiser says, see :func:`clean_and_noise`.
        limit: of the data that is seen, to both sides; None: none.
    """

    timesteps: Tensor
    shares: Tensor
    next_shares: Tensor
    sigmas: Tensor
    all_times: Tensor
    all_shares: Tensor

    def __init__(self, *, prediction: str, limit: float | None = None, **tensors: Tensor) -> None:
        super().__init__()
        self.prediction, self.limit = prediction, limit
        for name, tensor in tensors.items():
            self.register_buffer(name, tensor.float() if tensor.is_floating_point() else tensor, persistent=False)

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
        clean, noise = clean_and_noise(latents, predicted, self.shares[steps], self.prediction)
        return (clean if self.limit is None else clean.clamp(-self.limit, self.limit)), noise

    def lead(self, clean: Tensor, noise: Tensor, steps: Tensor) -> Tensor:
        """``[B, C, H, W]`` where the steps number ``steps [B]`` lead from such data and noise, without their own."""
        data_share, noise_share = _wide(self.next_shares[steps])
        return data_share * clean + noise_share * noise

    def log_prob(self, after: Tensor, mean: Tensor, steps: Tensor) -> Tensor:
        """``[B]`` log-density of arriving at ``after`` by the steps number ``steps [B]``; 0 at deterministic ones."""
        sigmas = self.sigmas[steps]
        safe = torch.where(sigmas > 0, sigmas, 1)
        return torch.where(sigmas > 0, log_density(after, mean, safe), 0)

    def corrupted(self, clean: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Data ``[B, C, H, W]`` in random noise, each row at a random timestep; that ``[B]``; what should be said."""
        numbers = torch.randint(len(self.all_times), (len(clean),), device=clean.device)
        noisy, target = noised(clean, torch.randn_like(clean), self.all_shares[numbers], self.prediction)
        return noisy, self.all_times[numbers], target


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


def clean_and_noise(latents: Tensor, predicted: Tensor, shares: Tensor, prediction: str) -> tuple[Tensor, Tensor]:
    """Data and noise in ``latents``, by what a denoiser says of them.

    Args:
        latents: ``[B, C, H, W]``.
        predicted: of the same shape.
        shares: ``[B, 2]`` of data and of noise in the latents.
        prediction: what ``predicted`` is: epsilon, the noise; sample, the data; v_prediction, √ᾱ noise - √(1-ᾱ) data
            (Salimans & Ho 2022), the shares being √ᾱ and √(1-ᾱ); flow, noise - data (Lipman et al. 2023).
    """
    data_share, noise_share = _wide(shares)
    if prediction == "epsilon":
        return (latents - noise_share * predicted) / data_share, predicted
    if prediction == "sample":
        return predicted, (latents - data_share * predicted) / noise_share
    if prediction == "v_prediction":
        return data_share * latents - noise_share * predicted, data_share * predicted + noise_share * latents
    if prediction == "flow":  # whose shares sum to one
        return latents - noise_share * predicted, latents + data_share * predicted
    raise _unknown(prediction)


def noised(clean: Tensor, noise: Tensor, shares: Tensor, prediction: str) -> tuple[Tensor, Tensor]:
    """Latents with noise in them, and what a denoiser should say of them; arguments as of :func:`clean_and_noise`."""
    data_share, noise_share = _wide(shares)
    targets = {
        "epsilon": noise,
        "sample": clean,
        "v_prediction": data_share * noise - noise_share * clean,
        "flow": noise - clean,
    }
    if prediction not in targets:
        raise _unknown(prediction)
    return data_share * clean + noise_share * noise, targets[prediction]


def _unknown(prediction: str) -> ConfigError:
    return ConfigError(
        f"the scheduler's prediction_type {prediction!r} is none of epsilon, sample, v_prediction and flow"
    )


def guided(unconditional: Tensor, conditional: Tensor, scale: float) -> Tensor:
    """Classifier-free guidance (Ho & Salimans 2021) as diffusers writes it: scale 1 is the conditional prediction."""
    return unconditional + scale * (conditional - unconditional)


def log_density(values: Tensor, means: Tensor, sigmas: Tensor) -> Tensor:
    """``[B]`` log-density of ``values [B, ...]``, summed over all else, under Gaussians of
    standard deviations ``sigmas [B]``."""
    scaled = ((values - means) / sigmas.view(-1, *[1] * (values.dim() - 1))).flatten(1)
    constant = sigmas.log() + 0.5 * math.log(2 * math.pi)
    return -0.5 * scaled.square().sum(1) - scaled.shape[1] * constant


def _wide(shares: Tensor) -> tuple[Tensor, Tensor]:
    """``[B, 2]`` shares of data and noise as two tensors ``[B, 1, 1, 1]``."""
    data_share, noise_share = shares.view(-1, 2, 1, 1, 1).unbind(1)
    return data_share, noise_share
