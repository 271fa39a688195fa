"""The steps of a chain, by the scheduler of a pipeline: stochastic DDIM (Song et al. 2021) where a denoiser was trained
on noise, the stochastic flow of Flow-GRPO (Liu et al. 2025) where it was trained by flow matching.

Notation: T steps, ᾱ a scheduler's ``alphas_cumprod``, t the share of noise in a flow.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.diffusion.sampling import Schedule
from rsoup_lightning.optional import need

DDIM = ("DDIMScheduler", "DDPMScheduler")
FLOW = ("FlowMatchEulerDiscreteScheduler",)
FLOW_ETA = 0.7  # a of Liu et al. 2025


def ddim_schedule(scheduler: Any, steps: int, eta: float | None = None) -> Schedule:
    """T steps of stochastic DDIM.

    Args:
        scheduler: of diffusers, a DDIMScheduler or DDPMScheduler.
        steps: T.
        eta: η, from 0, where a chain follows from its start alone, to 1, where it is DDPM's, as it is by default.

    Raises:
        ConfigError: a scheduler that takes other steps, or numbers out of range.
    """
    _check(scheduler, DDIM, "stochastic DDIM steps", "ddim, which takes them on the same noise schedule", steps, eta)
    settings = scheduler.config
    if settings.thresholding:
        raise ConfigError("the scheduler's dynamic thresholding is not for latents: set thresholding to false in it")
    ddim = need("diffusers", "diffusers", "diffusion").DDIMScheduler.from_config(settings)
    ddim.set_timesteps(steps)
    if (first := int(ddim.timesteps.max())) >= settings.num_train_timesteps:
        raise ConfigError(
            f"steps is {steps}: with its steps_offset of {settings.steps_offset} the scheduler begins at timestep "
            f"{first}, and the denoiser was trained on 0 to {settings.num_train_timesteps - 1}: take fewer steps"
        )
    earlier = ddim.timesteps - settings.num_train_timesteps // steps
    all_alphas = ddim.alphas_cumprod.double()
    alphas = all_alphas[ddim.timesteps]
    if not alphas.min() > 0:
        raise ConfigError("the scheduler begins where nothing of the data is left (zero terminal SNR): not supported")
    last = ddim.final_alpha_cumprod.double()
    next_alphas = torch.where(earlier >= 0, all_alphas[earlier.clamp(min=0)], last)
    sigmas = ddim_sigma(alphas, next_alphas, 1 if eta is None else eta)
    return Schedule(
        timesteps=ddim.timesteps,
        shares=shares(alphas),
        next_shares=shares(next_alphas, sigmas),
        sigmas=sigmas,
        all_times=torch.arange(len(all_alphas)),
        all_shares=shares(all_alphas),
        prediction=str(settings.prediction_type),
        limit=float(settings.clip_sample_range) if settings.clip_sample else None,
    )


def flow_schedule(scheduler: Any, steps: int, eta: float | None = None, **spacing: Any) -> Schedule:
    """T steps of the stochastic differential equation that has the marginals of the flow dx = v dt,

        dx = [v + σ²/(2t) (x + (1-t) v)] dt + σ dw,    σ = a √(t / (1-t)).

    The last step leaves nothing to chance, as its noise would stay in the picture.

    Args:
        scheduler: of diffusers, a FlowMatchEulerDiscreteScheduler.
        steps: T.
        eta: a, from 0, where a chain is the flow itself, to 1; 0.7 by default, as in Flow-GRPO.
        **spacing: further arguments of the scheduler's ``set_timesteps``.

    Raises:
        ConfigError: a scheduler that takes other steps, or numbers out of range.
    """
    _check(scheduler, FLOW, "steps of a flow", "flow", steps, eta)
    settings = scheduler.config
    if settings.invert_sigmas:
        raise ConfigError("the scheduler counts from data to noise: set invert_sigmas to false in it")
    flow = type(scheduler).from_config(settings)
    trained = flow.sigmas.double()
    flow.set_timesteps(steps, **spacing)
    times = flow.sigmas.double()
    before, after = times[:-1], times[1:]
    sigmas = flow_sigma(before, after, FLOW_ETA if eta is None else eta)
    return Schedule(
        timesteps=flow.timesteps,
        shares=torch.stack([1 - before, before], -1),
        # With data x - t v and noise x + (1-t) v, the step above is these shares of them.
        next_shares=torch.stack([1 - after, after - sigmas.square() / (2 * before)], -1),
        sigmas=sigmas,
        all_times=(trained * settings.num_train_timesteps).float(),
        all_shares=torch.stack([1 - trained, trained], -1),
        prediction="flow",
    )


def shares(alphas: Tensor, sigmas: Tensor | float = 0.0) -> Tensor:
    """``[T, 2]`` shares of data and noise at ᾱ ``[T]``; after a step of σ ``[T]``, of which fresh noise takes its own
    (Song et al. 2021, equation 12)."""
    # Rounding may bring what is left for the noise below zero where η is 1.
    return torch.stack([alphas, (1 - alphas - torch.as_tensor(sigmas).square()).clamp(min=0)], -1).sqrt()


def ddim_sigma(alphas: Tensor, next_alphas: Tensor, eta: float) -> Tensor:
    """σ of a step (Song et al. 2021, equation 16), of the shape of ᾱ before and after it."""
    return eta * ((1 - next_alphas) / (1 - alphas) * (1 - alphas / next_alphas)).sqrt()


def flow_sigma(times: Tensor, next_times: Tensor, eta: float) -> Tensor:
    """``[T]`` standard deviations σ √Δt of steps between t before and after them; 0 for the one that ends at data."""
    # At t = 1, σ is infinite: there the first step takes the 1 - t at its end, as Flow-GRPO does.
    left = 1 - torch.where(times < 1, times, next_times)
    return torch.where(next_times > 0, eta * (times / left * (times - next_times)).sqrt(), 0)


def _check(scheduler: Any, kinds: tuple[str, ...], stochastic: str, choice: str, steps: int, eta: float | None) -> None:
    kind, most = type(scheduler).__name__, scheduler.config.num_train_timesteps
    if kind not in kinds:
        raise ConfigError(
            f"the pipeline's {kind} takes no {stochastic}, which have log-probabilities: set "
            f"base.init_args.scheduler to {choice}"
        )
    if not 1 <= steps <= most:
        raise ConfigError(f"steps is {steps}: it must be between 1 and the {most} that the denoiser was trained on")
    if eta is not None and not 0 <= eta <= 1:
        raise ConfigError(f"eta is {eta}: it must be between 0, which leaves nothing to chance, and 1")
