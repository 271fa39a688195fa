"""What draws images: one denoiser, or the soups of several LoRA experts at once.

Notation: B rows, T steps, M members of a souped policy.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from rsoup_lightning.modalities.diffusion.denoiser import Denoiser
from rsoup_lightning.modalities.diffusion.sampling import Chain, Noise, sample_chain
from rsoup_lightning.modalities.lora import soups_in
from rsoup_lightning.policy import Policy, PolicyOutput, Weights
from rsoup_lightning.rollout import Rollout

Likelihood = Literal["chain", "denoising"]

NETWORK = "denoiser.unet."  # before the names of weights


class ImagePolicy(Policy):
    """What a :class:`PromptEnvironment` draws with.

    Attributes:
        denoiser: the pipeline.
        likelihood: of what a rollout's steps are: those of the chain, or one per image.
    """

    independent_steps = True
    likelihood: Likelihood

    @property
    @abstractmethod
    def pipeline(self) -> Denoiser:
        """What turns prompts into numbers, and latents into images."""

    @abstractmethod
    def draw(self, prompts: Tensor, noise: Noise) -> Chain:
        """A chain for each of the prompts ``[B]``, by their numbers."""

    def propose(self, prompts: Tensor, noise: Noise) -> Chain:
        """The chains to learn from: its own, unless its likelihood needs others."""
        return self.draw(prompts, noise)


class SoupedDiffusionPolicy(ImagePolicy):
    """M soups of LoRA experts in one denoiser: rows come in M groups, one per λ, in order.

    Args:
        denoiser: with the adapter that is trained.
        likelihood: of the policy whose experts these are.
        experts: E weights of that policy's kind.
        coefficients: M points λ, each of E numbers.
    """

    def __init__(
        self,
        denoiser: Denoiser,
        likelihood: Likelihood,
        experts: Sequence[Weights],
        coefficients: Sequence[Sequence[float]],
    ) -> None:
        super().__init__()
        self.members = len(coefficients)
        self.likelihood = likelihood
        self._denoiser = (denoiser,)  # in a tuple, so that it is no submodule
        self._experts = [{name.removeprefix(NETWORK): w for name, w in expert.items()} for expert in experts]
        self._coefficients = torch.tensor(coefficients, dtype=torch.float64)

    @property
    def pipeline(self) -> Denoiser:
        return self._denoiser[0]

    def draw(self, prompts: Tensor, noise: Noise) -> Chain:
        with self.pipeline.playing() as unet, soups_in(unet, self._experts, self._coefficients) as souped:
            return sample_chain(self.pipeline.schedule, self.pipeline.towards(prompts, souped), noise)

    def forward(self, rollout: Rollout) -> PolicyOutput:
        raise TypeError("souped policies are not re-scored: they are for evaluation")
