"""Steps against diffusers, and the marginals of the stochastic flow against those of the deterministic one."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DDPMScheduler,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    PNDMScheduler,
)
from torch import Tensor
from torch.distributions import Normal

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.diffusion.sampling import sample_chain
from rsoup_lightning.modalities.diffusion.schedules import ddim_schedule, flow_schedule
from tests.modalities.diffusion.test_sampling import SHAPE, denoise, scheduler


@pytest.mark.parametrize("eta", [0.0, 0.3, 1.0])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"set_alpha_to_one": True, "steps_offset": 0},
        {"prediction_type": "v_prediction", "timestep_spacing": "trailing"},
        {"prediction_type": "sample", "beta_schedule": "linear"},
        {"clip_sample": True, "clip_sample_range": 0.8},
    ],
    ids=str,
)
def test_ddim_steps_are_those_of_diffusers(changes: dict[str, Any], eta: float) -> None:
    theirs = scheduler(**changes)
    ours = ddim_schedule(theirs, 7, eta)
    theirs.set_timesteps(7)
    assert torch.equal(ours.timesteps, theirs.timesteps)
    torch.manual_seed(0)
    latents = torch.randn(SHAPE)
    for number, time in enumerate(theirs.timesteps):
        noise, steps = torch.randn(SHAPE), torch.full((3,), number)
        predicted = denoise(latents, steps)
        expected = theirs.step(predicted, int(time), latents, eta=eta, variance_noise=noise).prev_sample
        mean = ours.mean(latents, predicted, steps)
        assert torch.allclose(mean + ours.sigmas[number] * noise, expected, atol=2e-5, rtol=1e-5)
        latents = expected


def flow(**changes: Any) -> Any:
    return FlowMatchEulerDiscreteScheduler(**{"shift": 3.0, **changes})


@pytest.mark.parametrize(
    ("changes", "spacing"),
    [
        ({}, {}),
        ({"shift": 1.0}, {}),
        ({"use_dynamic_shifting": True}, {"mu": 0.7, "sigmas": [1.0, 0.8, 0.6, 0.4, 0.2]}),
        ({"use_karras_sigmas": True}, {}),
    ],
    ids=str,
)
def test_without_chance_the_steps_of_a_flow_are_those_of_diffusers(
    changes: dict[str, Any], spacing: dict[str, Any]
) -> None:
    theirs = flow(**changes)
    ours = flow_schedule(theirs, 5, 0.0, **spacing)
    theirs.set_timesteps(5, **spacing)
    assert torch.equal(ours.timesteps, theirs.timesteps) and not ours.stochastic.any()
    torch.manual_seed(0)
    latents = torch.randn(SHAPE)
    for number, time in enumerate(theirs.timesteps):
        steps = torch.full((3,), number)
        velocity = denoise(latents, steps)
        expected = theirs.step(velocity, time, latents).prev_sample
        assert torch.allclose(ours.mean(latents, velocity, steps), expected, atol=2e-5)
        latents = expected


def test_the_stochastic_steps_of_a_flow_are_those_of_the_paper() -> None:
    """Liu et al. 2025, equation 9 with time counted from noise to data, and the log-density of its Gaussian."""
    a, schedule = 0.6, flow_schedule(flow(), 6, 0.6)
    times = schedule.timesteps.double() / 1000
    assert schedule.stochastic.tolist() == [True] * 5 + [False]
    torch.manual_seed(0)
    chain = sample_chain(schedule, denoise, lambda: torch.randn(SHAPE))
    for number in range(1, 5):
        before, after = chain.latents[:, number].double(), chain.latents[:, number + 1].double()
        velocity = denoise(before, torch.full((3,), number))
        t, dt = times[number], times[number + 1] - times[number]
        sigma = a * (t / (1 - t)).sqrt()
        mean = before + (velocity + sigma**2 / (2 * t) * (before + (1 - t) * velocity)) * dt
        expected = Normal(mean, sigma * (-dt).sqrt()).log_prob(after).flatten(1).sum(1)
        assert torch.allclose(chain.log_probs[:, number].double(), expected, rtol=1e-4, atol=1e-3)
    assert chain.log_probs[:, 0].all() and not chain.log_probs[:, 5].any()


MEAN, DEVIATION = 0.8, 0.5


@pytest.mark.parametrize("eta", [0.0, 0.7, 1.0])
def test_the_marginals_of_the_stochastic_flow_are_those_of_the_flow(eta: float) -> None:
    """Data from N(m, s²) make the velocity (x_1 - x_0 given x_t) linear in x_t, and the flow ends at N(m, s²)."""
    schedule = flow_schedule(flow(shift=1.0), 1000, eta)
    times = schedule.shares[:, 1]

    def velocity(latents: Tensor, steps: Tensor) -> Tensor:
        t = times[steps].view(-1, 1, 1, 1)
        variance = t**2 + ((1 - t) * DEVIATION) ** 2
        return (t - (1 - t) * DEVIATION**2) / variance * (latents - (1 - t) * MEAN) - MEAN

    generator = torch.Generator().manual_seed(0)
    count = 20_000
    latents = torch.randn(count, 1, 1, 1, generator=generator)
    for number in range(len(schedule)):
        steps = torch.full((count,), number)
        noise = torch.randn(latents.shape, generator=generator)
        latents = schedule.mean(latents, velocity(latents, steps), steps) + schedule.sigmas[number] * noise
    # Four standard errors, and what a thousand Euler steps are off by.
    assert latents.mean().item() == pytest.approx(MEAN, abs=4 * DEVIATION / math.sqrt(count) + 2e-3)
    assert latents.var().item() == pytest.approx(DEVIATION**2, abs=4 * DEVIATION**2 * math.sqrt(2 / count) + 2e-3)


def test_noise_is_added_to_learn_a_flow_as_diffusers_does() -> None:
    theirs, schedule = flow(), flow_schedule(flow(), 4)
    torch.manual_seed(0)
    clean = torch.randn(SHAPE)
    torch.manual_seed(1)
    noisy, times, target = schedule.corrupted(clean)
    torch.manual_seed(1)
    numbers, noise = torch.randint(1000, (3,)), torch.randn(SHAPE)
    assert torch.equal(times, theirs.timesteps[numbers])
    assert torch.allclose(noisy, theirs.scale_noise(clean, times, noise), atol=1e-6)
    assert torch.equal(target, noise - clean)


@pytest.mark.parametrize("kind", [PNDMScheduler, EulerDiscreteScheduler])
def test_schedulers_of_other_steps_are_refused_with_the_cure(kind: type) -> None:
    with pytest.raises(ConfigError, match=f"{kind.__name__}.*scheduler to ddim"):
        ddim_schedule(kind(), 5)
    with pytest.raises(ConfigError, match=f"{kind.__name__}.*scheduler to flow"):
        flow_schedule(kind(), 5)


def test_ddpm_is_ddim_at_eta_one() -> None:
    assert torch.equal(
        ddim_schedule(DDPMScheduler(), 5, 1.0).timesteps, ddim_schedule(DDIMScheduler(), 5, 1.0).timesteps
    )


@pytest.mark.parametrize(
    ("changes", "steps", "eta", "words"),
    [
        ({}, 0, 1.0, "steps is 0"),
        ({}, 1001, 1.0, "1000"),
        ({}, 5, 1.5, "eta is 1.5"),
        ({}, 5, -0.1, "eta is -0.1"),
        ({}, 1000, 1.0, "steps is 1000: with its steps_offset of 1 .* begins at timestep 1000, .* on 0 to 999: take"),
        ({"thresholding": True}, 5, 1.0, "thresholding"),
        ({"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}, 5, 1.0, "zero terminal"),
    ],
)
def test_what_is_out_of_range(changes: dict[str, Any], steps: int, eta: float, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        ddim_schedule(scheduler(**changes), steps, eta)


def test_as_many_steps_as_the_denoiser_was_trained_on() -> None:
    assert ddim_schedule(scheduler(steps_offset=0), 1000).timesteps.tolist() == [*range(999, -1, -1)]
    assert ddim_schedule(scheduler(), 999).timesteps.tolist() == [*range(999, 0, -1)]


def test_flows_out_of_range() -> None:
    with pytest.raises(ConfigError, match="steps is 0"):
        flow_schedule(flow(), 0)
    with pytest.raises(ConfigError, match=r"eta is 1\.5"):
        flow_schedule(flow(), 5, 1.5)
    with pytest.raises(ConfigError, match="invert_sigmas"):
        flow_schedule(flow(invert_sigmas=True), 5)
