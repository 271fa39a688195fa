"""``LanguageFineTuner``: a language model fine-tuned on rewards of its texts; the text tasks differ by their data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch.nn.parallel import DistributedDataParallel

from rsoup_lightning.algorithms import RLOO, Algorithm
from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.data import PromptData
from rsoup_lightning.modalities.fine_tuner import PretrainedFineTuner
from rsoup_lightning.modalities.language.base import load_base
from rsoup_lightning.modalities.language.environment import TextEnvironment
from rsoup_lightning.modalities.language.policy import LanguagePolicy
from rsoup_lightning.modalities.language.sampler import Sampler
from rsoup_lightning.modalities.lora import LoRA
from rsoup_lightning.modalities.pretrained import Precision, fitting
from rsoup_lightning.modalities.sharding import in_parts
from rsoup_lightning.modalities.tokens import FLUENCY, Fluency, Specificity
from rsoup_lightning.processes import several
from rsoup_lightning.rewards import Reward


class LanguageFineTuner(PretrainedFineTuner):
    """Fine-tunes a causal language model. Beside its rewards it logs ``fluency``, the guard against reward hacking.

    Args:
        base: the pre-trained model: a hub name, a folder, or SmolLM2-135M-Instruct, which a package brings. Where that
            is an adapter of PEFT, training begins at its base with the adapter folded in.
        data: where prompts come from.
        rewards: reward name to reward, or names of the task's own rewards.
        preference: μ, reward name to weight on the simplex. Default: equal weights.
        algorithm: how rewards become gradients. PPO brings a critic.
        lora: adapters to train; null trains the whole model.
        precision: of the frozen weights; auto takes bfloat16 where the device computes in it. Without lora
            all are trained, in float32.
        template: what the policy reads, from {prompt}; null: the tokenizer's chat template where it has one.
        chat_template_kwargs: variables of that chat template, as {enable_thinking: false} of Qwen 3. A template ignores
            what it does not read, so such are refused.
        temperature: of the softmax that tokens are sampled from.
        batch_size: prompts of a training rollout.
        batches_per_epoch: training rollouts per epoch, of all processes; a checkpoint is written after each epoch.
        max_new_tokens: the most tokens of a completion.
        stop: texts of one token each that end a completion, beside the end tokens of generation configuration and
            tokenizer.
        eval_batch_size: prompts per policy and evaluation batch, to bound memory.
        sampler: an engine that samples the completions that train, such as VLLMSampler; null: the policy does.
        shard_base: whether of several processes that train together each holds a part of the frozen weights (FSDP2),
            for less memory and more traffic. It takes lora, and no sampler.

    Raises:
        ConfigError: ``shard_base`` with what it cannot do.
    """

    def __init__(
        self,
        base: str,
        data: PromptData,
        rewards: dict[str, Reward] | list[str],
        preference: dict[str, float] | None = None,
        algorithm: Algorithm | None = None,
        lora: LoRA | None = LoRA(),  # noqa: B008  # a constant: nobody changes it
        precision: Precision = "auto",
        template: str | None = None,
        chat_template_kwargs: dict[str, Any] | None = None,
        temperature: float = 1.0,
        batch_size: int = 8,
        batches_per_epoch: int = 10,
        max_new_tokens: int = 32,
        stop: Sequence[str] = (),
        eval_batch_size: int = 50,
        sampler: Sampler | None = None,
        shard_base: bool = False,
        **kwargs: Any,
    ) -> None:
        if shard_base and (lora is None or sampler is not None):
            raise ConfigError(
                "model.shard_base cuts what is not trained, and samples itself: it takes lora, and no sampler"
            )
        named = self.built(rewards)
        model, tokenizer = load_base(base, fitting(precision, whole=lora is None))
        environment = TextEnvironment.of(
            model,
            tokenizer,
            data,
            template=template,
            chat_template_kwargs=chat_template_kwargs,
            batch_size=batch_size,
            batches_per_epoch=batches_per_epoch,
            max_new_tokens=max_new_tokens,
            stop=stop,
            eval_batch_size=eval_batch_size,
            sampler=sampler,
            elsewhere=any(isinstance(reward, Specificity) for reward in named.values()),
        )
        algorithm = algorithm or RLOO()
        super().__init__(
            environment=environment,
            policy=LanguagePolicy(model, lora, critic=algorithm.needs_critic, temperature=temperature),
            rewards={FLUENCY: Fluency(), **named},
            preference=preference,
            algorithm=algorithm,
            **kwargs,
        )
        self.shard_base = shard_base

    def configure_model(self) -> None:
        # Lightning calls it where processes have met, and the model is not yet on its device.
        if not (self.shard_base and several()):
            return
        if not isinstance(self.policy, LanguagePolicy):
            raise ConfigError("model.shard_base shards the base of one policy, not of several: set it to false")
        if not self.policy.in_parts:
            self.policy.cut(self.trainer.strategy.root_device.type)
            # These are no copies of each other, which DDP would make them.
            DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(self, in_parts(self))
