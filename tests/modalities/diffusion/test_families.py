"""Each kind of pipelines as a policy, beside diffusers itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DiffusionPipeline, DPMSolverMultistepScheduler
from peft import PeftModel
from torch import Tensor

from rsoup_lightning import load, merge, pick, soup
from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.diffusion import DiffusionPolicy, PromptEnvironment
from rsoup_lightning.modalities.diffusion.families import FAMILIES, family_class
from rsoup_lightning.modalities.lora import LoRA
from tests.modalities.diffusion.families import MAKERS, flux, pipeline
from tests.modalities.diffusion.tiny import Colours, stirred
from tests.models_of_today import TABLE, cells

SECTION = "Models that draw"
PROMPTS = [entry.question for entry in Colours().entries("eval")][:3]
SIZES: dict[str, dict[str, Any]] = {
    "FluxPipeline": {"image_size": 16}
}  # it knows no size but that of the published ones


def class_of(name: str) -> str:
    """The pipeline's class of a model in the table."""
    found: str = TABLE[SECTION]["models"][name]["class"]
    return found


def policy(kind: str, seed: int | None = None, **changes: Any) -> DiffusionPolicy:
    torch.manual_seed(0)  # of the adapters
    made = DiffusionPolicy(pipeline(kind), **{"steps": 3, "guidance": 2.0, **SIZES.get(kind, {}), **changes})
    return made if seed is None else stirred(made, seed)


def drawn(made: Any) -> Tensor:
    return PromptEnvironment(Colours()).evaluate(made, torch.arange(3))["images"]


def drawn_by_diffusers(made: Any) -> Tensor:
    """The evaluation entries, by the deterministic steps of the pipeline's own scheduler."""
    made.set_progress_bar_config(disable=True)
    generators = [torch.Generator().manual_seed(2**30 + number) for number in range(3)]
    settings: dict[str, Any] = {"num_inference_steps": 3, "guidance_scale": 2.0, "output_type": "pt"}
    kind = type(made).__name__
    if kind == "FluxPipeline":
        settings |= {"height": 16, "width": 16}
    if kind.startswith(("PixArt", "Sana")):
        size = 32 if kind == "SanaPipeline" else 16
        settings |= {"use_resolution_binning": False, "clean_caption": False, "height": size, "width": size}
    images: Tensor = made(PROMPTS, generator=generators, **settings).images
    return images


@cells(SECTION, "same")
def test_diffusers_draws_the_same_images_from_what_is_exported(name: str, said: Any, tmp_path: Path) -> None:
    kind = class_of(name)
    made = policy(kind, 1, likelihood="denoising", eta=0.0)
    before = drawn(made)
    made.export(tmp_path)
    loaded = DiffusionPipeline.from_pretrained(tmp_path)
    assert type(loaded).__name__ == kind
    assert torch.allclose(drawn_by_diffusers(loaded), before, atol=1e-4)
    assert before.std() > 0.01 and not torch.allclose(before[0], before[1], atol=1e-3)


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("lora", [None, LoRA(rank=2)], ids=["whole", "lora"])
def test_the_likelihood_ratio_is_one_before_the_first_update(kind: str, lora: LoRA | None) -> None:
    made, environment = policy(kind, 1, lora=lora), PromptEnvironment(Colours(), batch_size=2)
    environment.begin(0)
    torch.manual_seed(0)
    rollout = environment.rollout(made, 0, completions=2)
    counted = [True, True, not FAMILIES[kind].flow]
    assert rollout.mask[0].tolist() == counted
    output = made(rollout).log_probs
    assert torch.equal(output, rollout.log_probs) and output[rollout.mask].ne(0).all()
    output.sum().backward()
    reached = {name for name, parameter in made.named_parameters() if parameter.grad is not None}
    # The last block of a joint transformer drops what its prompt's queries lead to.
    assert reached <= set(made.weights()) and len(reached) > len(made.weights()) / 2


@cells(SECTION, "rows")
def test_rows_of_a_soup_are_those_of_the_merged_adapters(name: str, said: Any, tmp_path: Path) -> None:
    kind, lora = class_of(name), LoRA(rank=2)
    for expert, seed in (("a", 3), ("b", 4)):
        policy(kind, seed, lora=lora).export(tmp_path / expert)
    made = policy(kind, lora=lora)
    soups = made.soups([dict(policy(kind, seed, lora=lora).weights()) for seed in (3, 4)])
    assert soups is not None
    played = drawn(soups([[1.0, 0.0], [0.25, 0.75]]))
    assert torch.allclose(played[:3], drawn(policy(kind, 3, lora=lora)), atol=1e-5)
    assert not torch.allclose(played[:3], played[3:], atol=1e-3)
    merge([str(tmp_path / "a"), str(tmp_path / "b")], str(tmp_path / "soup"), [0.25, 0.75])
    base = pipeline(kind)
    network = FAMILIES[kind].network
    adapted = PeftModel.from_pretrained(base.components[network], tmp_path / "soup").merge_and_unload()
    base.register_modules(**{network: adapted})
    assert torch.allclose(drawn(DiffusionPolicy(base, steps=3, guidance=2.0)), played[3:], atol=1e-4)


RECIPE = """
task: rsoup_lightning.modalities.diffusion:DiffusionFineTuner
model:
  base: {class_path: tests.modalities.diffusion.families.OfKind, init_args: {kind: KIND}}
  data: {class_path: tests.modalities.diffusion.tiny.Colours}
  rewards:
    red: {class_path: tests.modalities.diffusion.tiny.Bright}
    blue: {class_path: tests.modalities.diffusion.tiny.Bright, init_args: {channel: 2}}
  algorithm: {class_path: GRPO, init_args: {completions: 4}}
  optimizer: {class_path: torch.optim.Adam, init_args: {lr: 0.001}}
  lora: LORA
  image_size: SIZE
  steps: 3
  guidance: 2.0
  batch_size: 2
  batches_per_epoch: 1
trainer: {accelerator: cpu, max_epochs: 1}
soup: {normalise: 1, grid: 3, shown: 2, films: false}
"""


@cells(SECTION, "run")
def test_a_soup_of_adapters_is_trained_picked_and_loaded(
    name: str, said: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, _ = trained(class_of(name), "{rank: 2}", tmp_path, monkeypatch)
    inside = DiffusionPipeline.from_pretrained(run / "experts" / "red" / "pipeline")
    assert type(inside).__name__ == class_of(name)


@cells(SECTION, "whole")
def test_whole_parameters_are_trained_and_merged(
    name: str, said: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, chosen = trained(class_of(name), "null", tmp_path, monkeypatch)
    experts = [str(run / "experts" / expert) for expert in chosen.coefficients]
    merge(experts, str(tmp_path / "merged"), list(chosen.coefficients.values()))
    merged, picked = (DiffusionPipeline.from_pretrained(tmp_path / place) for place in ("merged", "picked"))
    assert type(merged).__name__ == class_of(name)
    assert torch.equal(drawn_by_diffusers(merged), drawn_by_diffusers(picked))


def trained(kind: str, lora: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Any]:
    """A run: a step of training for each reward, a soup of them, picked and loaded; and what was picked."""
    monkeypatch.setattr("rsoup_lightning.run.soup.write_report", lambda *_, **__: None)  # takes longer than all else
    size = "32" if kind == "SanaPipeline" else "16"
    (folder / "tiny.yaml").write_text(RECIPE.replace("KIND", kind).replace("LORA", lora).replace("SIZE", size))
    run = folder / "run"
    assert len(soup(str(folder / "tiny.yaml"), run_dir=run).points) == 4
    chosen = pick(run, folder / "picked", preference={"red": 0.6, "blue": 0.4})
    drawn = np.stack(load(run).at(chosen.coefficients).draw(PROMPTS, seed=[1, 2, 3])).astype(int)
    picked = np.stack(load(folder / "picked").at().draw(PROMPTS, seed=[1, 2, 3])).astype(int)
    assert np.abs(drawn - picked).max() <= 1  # of 255, by rounding
    assert drawn.std() > 1
    return run, chosen


def test_kinds_that_cannot_be_trained_are_named() -> None:
    with pytest.raises(ConfigError, match=r"a KandinskyPipeline is none of .*StableDiffusion3Pipeline, FluxPipeline"):
        family_class("KandinskyPipeline")


@pytest.mark.parametrize("kind", ["StableDiffusion3Pipeline", "FluxPipeline"])
def test_what_a_flow_cannot_take_is_named(kind: str) -> None:
    with pytest.raises(ConfigError, match="steps is 0: it must be between 1 and"):
        policy(kind, steps=0)
    made = pipeline(kind)
    made.register_modules(scheduler=DPMSolverMultistepScheduler())
    with pytest.raises(ConfigError, match=r"DPMSolverMultistepScheduler takes no steps of a flow.*scheduler to flow"):
        DiffusionPolicy(made, steps=3)


def test_a_distilled_flux_takes_no_guidance() -> None:
    with pytest.raises(ConfigError, match=r"guidance is 2\.0, and this FLUX was distilled to need none"):
        DiffusionPolicy(flux(guidance_embeds=False), steps=3, guidance=2.0)
    DiffusionPolicy(flux(guidance_embeds=False), steps=3, guidance=1.0)


def test_the_table_has_every_kind() -> None:
    listed = [row["class"] for row in TABLE[SECTION]["models"].values()]
    assert listed == list(MAKERS) == list(FAMILIES)
