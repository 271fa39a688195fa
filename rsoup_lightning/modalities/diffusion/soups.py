"""What draws images: one denoiser, or several experts mixed in one.

Notation: B rows, T steps, M members of a souped policy.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Literal

from torch import Tensor

from rsoup_lightning.modalities.diffusion.denoiser import Denoiser
from rsoup_lightning.modalities.diffusion.sampling import Chain, Denoise, Noise, sample_chain
from rsoup_lightning.modalities.lora import LoRASoups, Mixable, SoupedPolicy
from rsoup_lightning.policy import Policy, Weights

Likelihood = Literal["chain", "denoising"]

NETWORK = "denoiser.network."  # before the names of weights


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
    def denoising(self, prompts: Tensor) -> AbstractContextManager[Denoise]:
        """What it says with guidance towards the prompts ``[B]``, by their numbers, inside the block."""

    def draw(self, prompts: Tensor, noise: Noise) -> Chain:
        """A chain for each of the prompts ``[B]``, by their numbers."""
        with self.denoising(prompts) as denoise:
            return sample_chain(self.pipeline.schedule, denoise, noise)

    def propose(self, prompts: Tensor, noise: Noise) -> Chain:
        """The chains to learn from: its own, unless its likelihood needs others."""
        return self.draw(prompts, noise)


class DenoiserSoups(LoRASoups):
    """LoRA experts of a denoiser's network.

    Args:
        denoiser: with a ``PeftModel`` for its network.
        experts: E weights of its policy.
    """

    def __init__(self, denoiser: Denoiser, experts: Sequence[Weights]) -> None:
        super().__init__(denoiser.network, experts, NETWORK)
        self._denoiser = denoiser

    @contextmanager
    def at(self, coefficients: Sequence[Sequence[float]] | Tensor) -> Iterator[Callable[[Tensor], Denoise]]:
        """What it says of prompts, as :meth:`Denoiser.towards`, inside the block: rows in M groups, one per λ."""
        with super().at(coefficients):
            yield self._denoiser.towards


class SoupedDiffusionPolicy(SoupedPolicy, ImagePolicy):
    """Experts mixed in one denoiser.

    Args:
        denoiser: with the part that is trained.
        likelihood: of the policy whose experts these are.
        soups: the experts in it.
        coefficients: M points λ, each of E numbers.
    """

    def __init__(
        self, denoiser: Denoiser, likelihood: Likelihood, soups: Mixable, coefficients: Sequence[Sequence[float]]
    ) -> None:
        super().__init__(soups, coefficients)
        self.likelihood = likelihood
        self._denoiser = (denoiser,)  # in a tuple, so that it is no submodule

    @property
    def pipeline(self) -> Denoiser:
        return self._denoiser[0]

    @contextmanager
    def denoising(self, prompts: Tensor) -> Iterator[Denoise]:
        with self.pipeline.playing(), self.souped() as towards:
            yield towards(prompts)
