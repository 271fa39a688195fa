"""``DiffusionFineTuner``: a text-to-image model fine-tuned on rewards of its images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rsoup_lightning.algorithms import RLOO, Algorithm, RewardWeightedRegression
from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.data import PromptData
from rsoup_lightning.modalities.diffusion.denoiser import Precision
from rsoup_lightning.modalities.diffusion.environment import PromptEnvironment
from rsoup_lightning.modalities.diffusion.pipeline import PipelineSource
from rsoup_lightning.modalities.diffusion.policy import DiffusionPolicy
from rsoup_lightning.modalities.diffusion.soups import Likelihood
from rsoup_lightning.modalities.fine_tuner import PretrainedFineTuner
from rsoup_lightning.modalities.lora import LoRA
from rsoup_lightning.rewards import Reward


class DiffusionFineTuner(PretrainedFineTuner):
    """Fine-tunes the denoiser of a text-to-image pipeline: by policy gradients over its steps (DDPO, Flow-GRPO), or by
    reward-weighted regression on what it drew.

    Args:
        base: the pre-trained pipeline: one of diffusers, or a small one that is pre-trained on pictures.
        data: where prompts come from: the questions of its entries.
        rewards: reward name to reward, or names of the task's own rewards.
        preference: μ, reward name to weight on the simplex. Default: equal weights.
        algorithm: how rewards become gradients. Default: RLOO for the likelihood of chains, and for the denoising one
            reward-weighted regression on the better half of each rollout, as in Ramé et al. 2023.
        likelihood: "chain" is that of every denoising step, for policy gradients, or for reward-weighted regression on
            what the policy draws as it learns; "denoising" is minus the denoising error of finished images, for
            reward-weighted regression. These are drawn by the policy as it began, as in the paper: the rewards of a
            training are then those of init, and do not rise.
        lora: adapters to train; null trains whole parameters.
        trained: without lora, regular expressions over the names of the denoiser's parameters that are trained;
            [""] trains all of them, null the attention layers.
        steps: denoising steps per image.
        eta: how much each step leaves to chance, from 0 (nothing) to 1; null: 1 (as DDPM), or 0.7 (as Flow-GRPO) of a
            flow.
        guidance: scale of classifier-free guidance; 1 is none.
        precision: what denoiser and autoencoder compute in; their weights are float32.
        image_size: width and height of images in pixels; null: what the pipeline was made for.
        batch_size: prompts of a training rollout.
        batches_per_epoch: training rollouts per epoch, of all processes; a checkpoint is written after each epoch.
        eval_batch_size: prompts per policy and evaluation batch, to bound memory.
    """

    def __init__(
        self,
        base: PipelineSource,
        data: PromptData,
        rewards: dict[str, Reward] | list[str],
        preference: dict[str, float] | None = None,
        algorithm: Algorithm | None = None,
        likelihood: Likelihood = "chain",
        lora: LoRA | None = None,
        trained: Sequence[str] | None = None,
        steps: int = 20,
        eta: float | None = None,
        guidance: float = 5.0,
        precision: Precision = "float32",
        image_size: int | None = None,
        batch_size: int = 8,
        batches_per_epoch: int = 10,
        eval_batch_size: int = 50,
        **kwargs: Any,
    ) -> None:
        chain = likelihood == "chain"
        algorithm = algorithm or (RLOO() if chain else RewardWeightedRegression(keep=0.5))
        name = type(algorithm).__name__
        if algorithm.needs_critic:
            raise ConfigError(f"{name} needs a critic, and denoisers have none: choose RLOO, GRPO or REINFORCE")
        if algorithm.greedy_baseline:
            raise ConfigError(f"{name} needs the most likely image, and there is none: choose RLOO, GRPO or REINFORCE")
        if not chain and not isinstance(algorithm, RewardWeightedRegression):
            raise ConfigError(
                f"{name} needs the likelihood of what was sampled, and the denoising one is only a bound: choose "
                "RewardWeightedRegression, or set likelihood to chain"
            )
        super().__init__(
            environment=PromptEnvironment(
                data,
                batch_size=batch_size,
                batches_per_epoch=batches_per_epoch,
                eval_batch_size=eval_batch_size,
                unit="denoising steps" if chain else "images",
            ),
            policy=DiffusionPolicy(
                base.load(),
                lora,
                trained,
                likelihood=likelihood,
                steps=steps,
                eta=eta,
                guidance=guidance,
                precision=precision,
                image_size=image_size,
            ),
            rewards=self.built(rewards),
            preference=preference,
            algorithm=algorithm,
            **kwargs,
        )
        if self.kl.coefficient and not chain:
            raise ConfigError(
                "a KL penalty needs the likelihood of chains: set kl.coefficient to 0, or likelihood to chain"
            )
        if self.guards.guards and not chain:
            raise ConfigError(
                "guards see what training draws, and by the denoising likelihood that is always init's: remove "
                "model.guards, or set likelihood to chain"
            )
