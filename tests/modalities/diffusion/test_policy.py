"""Diffusion policies: re-scoring, what is trained, the reference, export."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from peft import PeftModel
from torch import Tensor
from torch.nn import functional as F

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.merging import linear, write_weights
from rsoup_lightning.merging.on_disk import merge
from rsoup_lightning.merging.policy_weights import read_experts
from rsoup_lightning.modalities.diffusion import DiffusionPolicy, PromptEnvironment
from rsoup_lightning.modalities.diffusion.policy import ATTENTION
from rsoup_lightning.modalities.lora import LoRA
from rsoup_lightning.rollout import Rollout
from rsoup_lightning.run.trainer.callbacks import swapped_in
from tests.modalities.diffusion.tiny import Colours, Random, parts, policy, stirred, together

LORA = {"lora": LoRA(rank=2)}
SEEDED = 2**30


def environment() -> PromptEnvironment:
    made = PromptEnvironment(Colours(), batch_size=3)
    made.begin(0)
    return made


def rolled(made: DiffusionPolicy, completions: int = 2) -> Rollout:
    torch.manual_seed(0)
    return environment().rollout(made, 0, completions=completions)


def drawn(made: DiffusionPolicy) -> Tensor:
    return environment().evaluate(made, torch.arange(6))["images"]


@pytest.mark.parametrize("changes", [{}, LORA, {"guidance": 1.0}, {"precision": "bfloat16"}], ids=str)
def test_the_likelihood_ratio_is_exactly_one_before_the_first_update(changes: dict[str, Any]) -> None:
    made = policy(1, **changes).train()
    rollout = rolled(made)
    assert rollout.log_probs.isfinite().all() and rollout.mask.all()
    assert torch.equal(made(rollout).log_probs, rollout.log_probs)


def test_a_denoiser_with_dropout_is_re_scored_as_it_sampled() -> None:
    made = parts()
    settings = {name: value for name, value in made["unet"].config.items() if not name.startswith("_")}
    unet = UNet2DConditionModel(**{**settings, "dropout": 0.2})
    unet.load_state_dict(made["unet"].state_dict())
    dropping = DiffusionPolicy(together({**made, "unet": unet}), steps=4, guidance=2.0).train()
    rollout = rolled(dropping)
    assert torch.equal(dropping(rollout).log_probs, rollout.log_probs)


def test_it_is_one_to_rounding_for_some_rows_and_for_single_steps() -> None:
    made = policy(1)
    rollout = rolled(made)
    some = rollout.rows(torch.tensor([4, 1, 2]))
    assert torch.allclose(made(some).log_probs, some.log_probs, atol=1e-3)
    for steps in rollout.minibatches(5, by_step=True):
        assert torch.allclose(made(steps).log_probs, steps.log_probs, atol=1e-3)


def test_re_scoring_asks_the_network_with_guidance() -> None:
    made = policy(1)
    rollout, unet, schedule = rolled(made, 1), made.denoiser.network.eval(), made.denoiser.schedule
    before, steps = rollout["latents"][:, 2], torch.full((3,), 2)
    with torch.no_grad():
        hidden = [
            made.denoiser.prompts(numbers) for numbers in (torch.zeros(3, dtype=torch.long), rollout["prompt_number"])
        ]
        free, led = (unet(before, schedule.timesteps[2], **each).sample for each in hidden)
    mean = schedule.mean(before, free + 2.0 * (led - free), steps)
    expected = torch.distributions.Normal(mean, schedule.sigmas[2]).log_prob(rollout["next_latents"][:, 2])
    assert torch.allclose(rollout.log_probs[:, 2], expected.flatten(1).sum(1), rtol=1e-5)


def test_deterministic_steps_do_not_count() -> None:
    pipeline = Random().load()
    settings = {**pipeline.scheduler.config, "set_alpha_to_one": True, "steps_offset": 0}
    pipeline.register_modules(scheduler=DDIMScheduler.from_config(settings))
    made = DiffusionPolicy(pipeline, steps=3)
    rollout = rolled(made)
    assert rollout.mask[0].tolist() == [True, True, False]
    assert rollout.terminated[0].tolist() == [False, True, False]
    output = made(rollout).log_probs
    assert torch.equal(output, rollout.log_probs)
    output.sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in made.parameters())


@pytest.mark.parametrize("changes", [{}, LORA, {"trained": ["conv_in", r"time_embedding.*bias$"]}], ids=str)
def test_gradients_reach_what_is_trained_only(changes: dict[str, Any]) -> None:
    made = policy(1, **changes)
    made(rolled(made)).log_probs.sum().backward()
    reached = {name for name, parameter in made.named_parameters() if parameter.grad is not None}
    assert reached == set(made.weights())


def test_the_share_that_is_trained() -> None:
    with torch.device("meta"):
        unet = UNet2DConditionModel(sample_size=64, cross_attention_dim=768)  # Stable Diffusion 1.5
    sizes = {name: parameter.numel() for name, parameter in unet.named_parameters()}
    share = sum(size for name, size in sizes.items() if any(re.search(pattern, name) for pattern in ATTENTION))
    assert share / sum(sizes.values()) == pytest.approx(0.109, abs=1e-3)
    assert len(policy(trained=[""]).weights()) == len(list(parts()["unet"].parameters()))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"trained": ["atention"]}, "'atention'.*conv_in"),
        ({"trained": []}, "trained is empty"),
        ({"lora": LoRA(targets=["q_proj"])}, "lora does not fit"),
        ({**LORA, "trained": ["conv_in"]}, "lora trains adapters, and trained names whole parameters"),
        ({"eta": 0.0}, "eta above 0.*likelihood to denoising"),
        ({"guidance": 0.5}, "guidance is 0.5"),
    ],
)
def test_what_cannot_be_trained(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        policy(**changes)


def test_deterministic_chains_serve_the_denoising_likelihood() -> None:
    assert rolled(policy(likelihood="denoising", eta=0.0)).mask.shape == (6, 1)


def test_the_denoising_likelihood_is_minus_the_error_at_a_random_timestep() -> None:
    made = policy(1, likelihood="denoising")
    rollout = rolled(made)
    torch.manual_seed(3)
    output = made(rollout).log_probs
    torch.manual_seed(3)
    times, noise = torch.randint(1000, (6,)), torch.randn(6, 4, 8, 8)
    scheduler = parts()["scheduler"]
    noisy = scheduler.add_noise(rollout["latents"][:, 0], noise, times)
    with torch.no_grad():
        said = made.denoiser.network(noisy, times, **made.denoiser.prompts(rollout["prompt_number"])).sample
    expected = [-F.mse_loss(said[row], noise[row]) for row in range(6)]
    assert torch.allclose(output.squeeze(1), torch.stack(expected), atol=1e-5)
    assert made(rollout).log_probs.ne(output).all()  # other timesteps, other noise


@pytest.mark.parametrize("changes", [{}, LORA], ids=str)
def test_the_reference_is_where_training_began(changes: dict[str, Any]) -> None:
    made = policy(**changes)
    rollout = rolled(made)
    stirred(made, 2)
    moved = {name: weight.clone() for name, weight in made.weights().items()}
    assert torch.equal(made.reference_log_probs(rollout), rollout.log_probs)
    assert not torch.allclose(made(rollout).log_probs, rollout.log_probs, atol=1e-2)
    assert all(torch.equal(weight, moved[name]) for name, weight in made.weights().items())
    made.start_from(moved)
    assert torch.equal(made.reference_log_probs(rollout), made(rollout).log_probs)


def test_one_hot_soups_draw_their_expert_bit_for_bit() -> None:
    experts = [dict(policy(seed).weights()) for seed in (3, 4)]
    made = policy()
    assert made.soups(experts) is None
    images = []
    for point in ([1.0, 0.0], [0.5, 0.5], [0.0, 1.0]):
        with swapped_in(made, linear(experts, point)):
            images.append(drawn(made))
    assert torch.equal(images[0], drawn(policy(3))) and torch.equal(images[2], drawn(policy(4)))
    assert (images[1] - images[0]).abs().max() > 1e-3
    assert torch.equal(drawn(made), drawn(policy()))


def loaded(folder: Path) -> Callable[[], Tensor]:
    """Draws the evaluation entries with diffusers alone."""
    pipeline = StableDiffusionPipeline.from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    prompts = [entry.question for entry in Colours().entries("eval")]
    generators = [torch.Generator().manual_seed(SEEDED + number) for number in range(6)]
    settings = {"num_inference_steps": 4, "guidance_scale": 2.0, "eta": 1.0, "output_type": "pt"}
    return lambda: pipeline(prompts, generator=generators, **settings).images


@pytest.mark.parametrize(("changes", "place"), [({}, "."), (LORA, "pipeline")], ids=str)
def test_diffusers_draws_the_same_images_from_what_is_exported(
    changes: dict[str, Any], place: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    made = policy(1, **changes)
    before = drawn(made)
    made.export(tmp_path)
    assert "it/s" not in capfd.readouterr().err
    assert torch.allclose(loaded(tmp_path / place)(), before, atol=1e-5)
    assert torch.equal(drawn(made), before)


def test_exported_experts_are_merged_on_disk(tmp_path: Path) -> None:
    experts = []
    for name, seed in (("a", 3), ("b", 4)):
        policy(seed).export(tmp_path / name)
        write_weights(tmp_path / name, policy(seed).weights())
        experts.append(str(tmp_path / name))
    merge(experts, str(tmp_path / "soup"), [0.25, 0.75])
    made = policy()
    with swapped_in(made, linear([policy(3).weights(), policy(4).weights()], [0.25, 0.75])):
        expected = drawn(made)
    assert torch.allclose(loaded(tmp_path / "soup")(), expected, atol=1e-5)


def test_exported_adapters_are_merged_on_disk(tmp_path: Path) -> None:
    for name, seed in (("a", 3), ("b", 4)):
        policy(seed, **LORA).export(tmp_path / name)
    merge([str(tmp_path / "a"), str(tmp_path / "b")], str(tmp_path / "soup"), [0.25, 0.75])
    pipeline = Random().load()
    adapted = PeftModel.from_pretrained(pipeline.unet, tmp_path / "soup").merge_and_unload()
    made = policy(**LORA)
    soups = made.soups([dict(policy(seed, **LORA).weights()) for seed in (3, 4)])
    assert soups is not None
    expected = environment().evaluate(soups([[0.25, 0.75]]), torch.arange(6))["images"]
    pipeline.register_modules(unet=adapted)
    assert torch.allclose(drawn(DiffusionPolicy(pipeline, steps=4, guidance=2.0)), expected, atol=1e-5)


def test_exported_adapters_are_read_as_the_experts_they_are(tmp_path: Path) -> None:
    made = stirred(policy(**LORA), 1)
    wanted = {name: tensor.clone() for name, tensor in made.weights().items()}
    made.export(tmp_path / "expert")
    again = policy(**LORA)
    read = read_experts({"expert": tmp_path / "expert"}, again, again.weights())["expert"]
    assert all(torch.equal(read[name], tensor) for name, tensor in wanted.items())
