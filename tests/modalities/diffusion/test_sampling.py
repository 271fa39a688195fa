"""Chains and their log-probabilities, against diffusers and torch.distributions."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers import DDIMScheduler
from torch import Tensor
from torch.distributions import Normal

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.diffusion.sampling import clean_and_noise, guided, log_density, noised, sample_chain
from rsoup_lightning.modalities.diffusion.schedules import ddim_schedule, shares

SHAPE = 3, 4, 8, 8


def scheduler(**changes: Any) -> Any:
    settings = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "clip_sample": False}
    return DDIMScheduler(**{**settings, "set_alpha_to_one": False, "steps_offset": 1, **changes})


def denoise(latents: Tensor, steps: Tensor) -> Tensor:
    return 0.9 * latents + 0.1 * torch.sin(latents.flip(1)) + 0.05 * steps.view(-1, 1, 1, 1)


def test_the_log_probability_of_a_chain_is_that_of_independent_normals() -> None:
    schedule = ddim_schedule(scheduler(), 9, 1.0)
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
    schedule = ddim_schedule(scheduler(set_alpha_to_one=True, steps_offset=0), 5, 1.0)
    assert schedule.stochastic.tolist() == [True] * 4 + [False]
    chain = sample_chain(schedule, denoise, lambda: torch.randn(SHAPE))
    assert chain.log_probs[:, :4].all() and not chain.log_probs[:, 4].any()
    assert chain.latents.shape == (3, 6, *SHAPE[1:])


@pytest.mark.parametrize("prediction", ["epsilon", "sample", "v_prediction", "flow"])
def test_what_a_perfect_denoiser_says_gives_data_and_noise_back(prediction: str) -> None:
    torch.manual_seed(0)
    clean, noise, share = torch.randn(SHAPE), torch.randn(SHAPE), torch.rand(3) * 0.8 + 0.1
    both = torch.stack([1 - share, share], 1) if prediction == "flow" else shares(share)
    latents, target = noised(clean, noise, both, prediction)
    again = clean_and_noise(latents, target, both, prediction)
    assert torch.allclose(again[0], clean, atol=1e-5) and torch.allclose(again[1], noise, atol=1e-5)


def test_noise_is_added_as_diffusers_does() -> None:
    theirs, times = scheduler(), torch.tensor([0, 500, 999])
    clean, noise = torch.randn(SHAPE), torch.randn(SHAPE)
    both = shares(theirs.alphas_cumprod[times])
    assert torch.allclose(noised(clean, noise, both, "epsilon")[0], theirs.add_noise(clean, noise, times), atol=1e-6)
    velocity = theirs.get_velocity(clean, noise, times)
    assert torch.allclose(noised(clean, noise, both, "v_prediction")[1], velocity, atol=1e-6)


def test_an_unknown_prediction_is_refused() -> None:
    one, both = torch.ones(SHAPE), torch.ones(3, 2)
    with pytest.raises(ConfigError, match="'score' is none of epsilon"):
        noised(one, one, both, "score")
    with pytest.raises(ConfigError, match="'score' is none of epsilon"):
        clean_and_noise(one, one, both, "score")


def test_guidance() -> None:
    assert guided(torch.tensor(1.0), torch.tensor(3.0), 1).item() == 3
    assert guided(torch.tensor(1.0), torch.tensor(3.0), 2).item() == 5


def test_gaussian_log_prob_of_rows_with_their_own_deviations() -> None:
    values, means, sigmas = torch.randn(5, 2, 3), torch.randn(5, 2, 3), torch.rand(5) + 0.1
    expected = Normal(means, sigmas.view(-1, 1, 1)).log_prob(values).sum((1, 2))
    assert torch.allclose(log_density(values, means, sigmas), expected, rtol=1e-5)


@pytest.mark.parametrize(("steps", "eta"), [(5, 0.0), (1, 1.0)])
def test_chains_without_chance_have_no_policy_gradient(steps: int, eta: float) -> None:
    with pytest.raises(ConfigError, match=r"eta above 0.*denoising"):
        ddim_schedule(scheduler(set_alpha_to_one=True, steps_offset=0), steps, eta).require_stochastic()
