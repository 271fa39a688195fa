"""Steps and their log-probabilities, against diffusers and torch.distributions."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler, EulerDiscreteScheduler, PNDMScheduler
from torch import Tensor
from torch.distributions import Normal

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.diffusion.sampling import (
    Schedule,
    clean_and_noise,
    guided,
    log_density,
    noised,
    sample_chain,
)

SHAPE = 3, 4, 8, 8


def scheduler(**changes: Any) -> Any:
    settings = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "clip_sample": False}
    return DDIMScheduler(**{**settings, "set_alpha_to_one": False, "steps_offset": 1, **changes})


def denoise(latents: Tensor, steps: Tensor) -> Tensor:
    return 0.9 * latents + 0.1 * torch.sin(latents.flip(1)) + 0.05 * steps.view(-1, 1, 1, 1)


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
def test_steps_are_those_of_diffusers(changes: dict[str, Any], eta: float) -> None:
    theirs = scheduler(**changes)
    ours = Schedule(theirs, 7, eta)
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


def test_the_log_probability_of_a_chain_is_that_of_independent_normals() -> None:
    schedule = Schedule(scheduler(), 9, 1.0)
    torch.manual_seed(0)
    chain = sample_chain(schedule, denoise, lambda: torch.randn(SHAPE))
    theirs = scheduler()
    theirs.set_timesteps(9)
    expected = torch.zeros(3, 9, dtype=torch.float64)
    for number, time in enumerate(theirs.timesteps.tolist()):
        before, after = chain.latents[:, number].double(), chain.latents[:, number + 1].double()
        predicted = denoise(before, torch.full((3,), number))
        still = torch.zeros(SHAPE, dtype=torch.float64)
        mean = theirs.step(predicted, time, before, eta=1.0, variance_noise=still).prev_sample
        sigma = theirs._get_variance(time, time - 1000 // 9) ** 0.5
        expected[:, number] = Normal(mean, sigma.double()).log_prob(after).flatten(1).sum(1)
    assert torch.allclose(chain.log_probs.double(), expected, rtol=1e-5, atol=1e-5)
    assert torch.allclose(chain.log_probs.sum(1).double(), expected.sum(1), rtol=1e-5)


def test_deterministic_steps_are_not_counted() -> None:
    schedule = Schedule(scheduler(set_alpha_to_one=True, steps_offset=0), 5, 1.0)
    assert schedule.stochastic.tolist() == [True] * 4 + [False]
    chain = sample_chain(schedule, denoise, lambda: torch.randn(SHAPE))
    assert chain.log_probs[:, :4].all() and not chain.log_probs[:, 4].any()
    assert chain.latents.shape == (3, 6, *SHAPE[1:])


@pytest.mark.parametrize("prediction", ["epsilon", "sample", "v_prediction"])
def test_what_a_perfect_denoiser_says_gives_data_and_noise_back(prediction: str) -> None:
    torch.manual_seed(0)
    clean, noise, alphas = torch.randn(SHAPE), torch.randn(SHAPE), torch.rand(3).view(-1, 1, 1, 1) * 0.8 + 0.1
    latents, target = noised(clean, noise, alphas, prediction)
    again = clean_and_noise(latents, target, alphas, prediction)
    assert torch.allclose(again[0], clean, atol=1e-5) and torch.allclose(again[1], noise, atol=1e-5)


def test_noise_is_added_as_diffusers_does() -> None:
    theirs, times = scheduler(), torch.tensor([0, 500, 999])
    clean, noise = torch.randn(SHAPE), torch.randn(SHAPE)
    alphas = theirs.alphas_cumprod[times].view(-1, 1, 1, 1)
    assert torch.allclose(noised(clean, noise, alphas, "epsilon")[0], theirs.add_noise(clean, noise, times))
    velocity = theirs.get_velocity(clean, noise, times)
    assert torch.allclose(noised(clean, noise, alphas, "v_prediction")[1], velocity)


def test_an_unknown_prediction_is_refused() -> None:
    with pytest.raises(ConfigError, match="flow"):
        noised(torch.ones(1), torch.ones(1), torch.ones(1), "flow")
    with pytest.raises(ConfigError, match="flow"):
        clean_and_noise(torch.ones(1), torch.ones(1), torch.ones(1), "flow")


def test_guidance() -> None:
    assert guided(torch.tensor(1.0), torch.tensor(3.0), 1).item() == 3
    assert guided(torch.tensor(1.0), torch.tensor(3.0), 2).item() == 5


def test_gaussian_log_prob_of_rows_with_their_own_deviations() -> None:
    values, means, sigmas = torch.randn(5, 2, 3), torch.randn(5, 2, 3), torch.rand(5) + 0.1
    expected = Normal(means, sigmas.view(-1, 1, 1)).log_prob(values).sum((1, 2))
    assert torch.allclose(log_density(values, means, sigmas), expected, rtol=1e-5)


@pytest.mark.parametrize("kind", [PNDMScheduler, EulerDiscreteScheduler])
def test_schedulers_of_other_steps_are_refused_with_the_cure(kind: type) -> None:
    with pytest.raises(ConfigError, match=f"{kind.__name__}.*scheduler to ddim"):
        Schedule(kind(), 5, 1.0)


def test_ddpm_is_ddim_at_eta_one() -> None:
    assert torch.equal(Schedule(DDPMScheduler(), 5, 1.0).timesteps, Schedule(DDIMScheduler(), 5, 1.0).timesteps)


@pytest.mark.parametrize(
    ("changes", "steps", "eta", "words"),
    [
        ({}, 0, 1.0, "steps is 0"),
        ({}, 1001, 1.0, "1000"),
        ({}, 5, 1.5, "eta is 1.5"),
        ({}, 5, -0.1, "eta is -0.1"),
        ({"thresholding": True}, 5, 1.0, "thresholding"),
        ({"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}, 5, 1.0, "zero terminal"),
    ],
)
def test_what_is_out_of_range(changes: dict[str, Any], steps: int, eta: float, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Schedule(scheduler(**changes), steps, eta)


@pytest.mark.parametrize(("steps", "eta"), [(5, 0.0), (1, 1.0)])
def test_chains_without_chance_have_no_policy_gradient(steps: int, eta: float) -> None:
    with pytest.raises(ConfigError, match=r"eta above 0.*denoising"):
        Schedule(scheduler(set_alpha_to_one=True, steps_offset=0), steps, eta).require_stochastic()
