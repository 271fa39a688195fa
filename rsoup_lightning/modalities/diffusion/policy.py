"""Denoisers as policies: the steps of a chain are re-scored, or the likelihood of finished images is bounded.

Notation: B rows, T steps; latents are ``[B, C, H, W]``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.diffusion.denoiser import Denoiser, Precision
from rsoup_lightning.modalities.diffusion.ensemble import DenoiserEnsemble
from rsoup_lightning.modalities.diffusion.sampling import Chain, Denoise, Noise
from rsoup_lightning.modalities.diffusion.soups import (
    NETWORK,
    DenoiserSoups,
    ImagePolicy,
    Likelihood,
    SoupedDiffusionPolicy,
)
from rsoup_lightning.modalities.ensemble import Ensemble
from rsoup_lightning.modalities.lora import LoRA, check_together, learning, with_adapter
from rsoup_lightning.modalities.partly_trained import PartlyTrainedPolicy, without_dropout
from rsoup_lightning.policy import PolicyOutput, Soups, Weights
from rsoup_lightning.rollout import Rollout

ATTENTION = (r"\.attn\d?\.",)
"""The attention layers: 11 % of the denoiser of Stable Diffusion 1.5; Ramé et al. 2023 train 10 % of theirs."""


class DiffusionPolicy(PartlyTrainedPolicy, ImagePolicy):
    """The denoiser of a text-to-image pipeline, part of which is trained.

    Args:
        pipeline: of diffusers, of one of :data:`FAMILIES`.
        lora: adapters to train; None trains whole parameters.
        trained: regular expressions over the names of the denoiser's parameters: what is trained where there is no
            ``lora``; None: the attention layers.
        likelihood: "chain", the exact one of every denoising step, for policy gradients (DDPO: Black et al. 2024) and
            for reward-weighted regression on the policy's own images; or "denoising", minus the denoising error of a
            finished image at a random timestep, which bounds its likelihood up to weights and a constant (Ho et al.
            2020, equation 14), for reward-weighted regression (Lee et al. 2023) on images of the policy as it began:
            on its own, each round would take the blur and the guidance of the last one for data.
        steps: T of a chain.
        eta: how much each step leaves to chance; None: 1 (as DDPM), or 0.7 (as Flow-GRPO) of a flow.
        guidance: scale of classifier-free guidance; 1 is none.
        precision: what denoiser and autoencoder compute in; their weights are float32.
        image_size: width and height of images in pixels; None: what the pipeline was made for.

    Raises:
        ConfigError: nothing to train, or both ``lora`` and ``trained``; a chain without likelihood; or a scheduler of
            another kind.
    """

    def __init__(
        self,
        pipeline: Any,
        lora: LoRA | None = None,
        trained: Sequence[str] | None = None,
        likelihood: Likelihood = "chain",
        steps: int = 20,
        eta: float | None = None,
        guidance: float = 5.0,
        precision: Precision = "float32",
        image_size: int | None = None,
    ) -> None:
        super().__init__()
        self.denoiser = Denoiser(pipeline, steps, eta, guidance, precision, image_size)
        if likelihood == "chain":
            self.denoiser.schedule.require_stochastic()
        self.likelihood = likelihood
        self.lora = lora
        without_dropout(self.denoiser.network)
        if lora is None:
            _train_only(self.denoiser.network, ATTENTION if trained is None else trained)
        elif trained is not None:
            raise ConfigError("lora trains adapters, and trained names whole parameters: leave one of them out")
        else:
            self.denoiser.network = with_adapter(self.denoiser.network, lora, task=None)
        self.remember()
        self.train()  # what samples or encodes prompts puts its network into evaluation mode for that

    @property
    def pipeline(self) -> Denoiser:
        return self.denoiser

    @contextmanager
    def denoising(self, prompts: Tensor) -> Iterator[Denoise]:
        with self.denoiser.playing():
            yield self.denoiser.towards(prompts)

    def propose(self, prompts: Tensor, noise: Noise) -> Chain:
        if self.likelihood == "chain":
            return self.draw(prompts, noise)
        with self.at_start():
            return self.draw(prompts, noise)

    def forward(self, rollout: Rollout) -> PolicyOutput:
        if self.likelihood == "denoising":
            return PolicyOutput(self._minus_error(rollout["latents"][:, 0], rollout["prompt_number"]).unsqueeze(1))
        schedule, denoise = self.denoiser.schedule, self.denoiser.towards(rollout["prompt_number"])
        # Column by column: the batches are then those that were sampled, and the likelihoods the same to the last bit.
        columns = []
        for column, counted in enumerate(rollout.mask.any(0).tolist()):
            before, after, steps = (rollout[name][:, column] for name in ("latents", "next_latents", "step"))
            if counted:
                mean = schedule.mean(before, denoise(before, steps), steps)
                columns.append(schedule.log_prob(after, mean, steps))
            else:
                columns.append(torch.zeros_like(rollout.log_probs[:, column]))
        return PolicyOutput(torch.stack(columns, 1))

    def soups(self, experts: Sequence[Weights]) -> Soups | None:
        if self.lora is None:
            return None
        return partial(SoupedDiffusionPolicy, self.denoiser, self.likelihood, DenoiserSoups(self.denoiser, experts))

    def ensembles(self, experts: Sequence[Weights], *, drawn: bool = False) -> Soups:
        ensemble = DenoiserEnsemble(self.denoiser, Ensemble(self, experts), drawn=drawn)
        return partial(SoupedDiffusionPolicy, self.denoiser, self.likelihood, ensemble)

    def check_mixed(self) -> None:
        check_together(self.lora)
        if self.lora is not None and self.likelihood == "denoising":
            raise ConfigError("adapters are trained together on the chains they draw: set model.likelihood to chain")

    def forward_mixed(self, rollout: Rollout, experts: Weights) -> PolicyOutput | None:
        if self.lora is None:
            return None
        with (
            self.denoiser.playing(),
            learning(self.denoiser.network, experts, NETWORK, rollout["coefficients"]),
        ):
            return self(rollout)

    def export(self, folder: Path) -> None:
        """Write a pipeline that diffusers loads; of LoRA the adapter as PEFT loads it, and ``pipeline/`` with it in."""
        if self.lora is None:
            self.denoiser.save(folder, self.denoiser.network)
            return
        self.denoiser.network.save_pretrained(folder)
        self.denoiser.save(folder / "pipeline", deepcopy(self.denoiser.network).merge_and_unload())

    def scored(self, rollout: Rollout) -> PolicyOutput:
        with self.denoiser.playing():
            return self(rollout)

    def _minus_error(self, clean: Tensor, prompts: Tensor) -> Tensor:
        """``[B]`` minus the mean squared error of the denoiser, each row at one random timestep, in random noise."""
        noisy, times, target = self.denoiser.schedule.corrupted(clean)
        predicted = self.denoiser.ask(noisy, times, self.denoiser.prompts(prompts))
        return -F.mse_loss(predicted, target, reduction="none").flatten(1).mean(1)


def _train_only(network: nn.Module, patterns: Sequence[str]) -> None:
    """Freeze all parameters but those whose names match.

    Raises:
        ConfigError: no pattern, or one that matches none.
    """
    network.requires_grad_(False)
    example = next(name for name, _ in network.named_parameters())
    if not patterns:
        raise ConfigError(f"trained is empty: give patterns of names such as {example}, or lora")
    for pattern in patterns:
        matched = [parameter for name, parameter in network.named_parameters() if re.search(pattern, name)]
        if not matched:
            raise ConfigError(f"trained holds {pattern!r}, which no parameter matches: names are such as {example}")
        for parameter in matched:
            parameter.requires_grad_(True)
