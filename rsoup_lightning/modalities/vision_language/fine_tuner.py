"""``VisionLanguageFineTuner``: a captioner fine-tuned on rewards of its texts; its tasks differ by their data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from rsoup_lightning.algorithms import RLOO, Algorithm
from rsoup_lightning.errors import ConfigError
from rsoup_lightning.files import user_path
from rsoup_lightning.modalities.data import PictureData
from rsoup_lightning.modalities.fine_tuner import PretrainedFineTuner
from rsoup_lightning.modalities.lora import LoRA
from rsoup_lightning.modalities.tokens import FLUENCY, Fluency
from rsoup_lightning.modalities.vision_language.bad_pictures import BadPictures
from rsoup_lightning.modalities.vision_language.chat import ChatModel
from rsoup_lightning.modalities.vision_language.chat_policy import ChatPolicy
from rsoup_lightning.modalities.vision_language.coca import Captioner, CaptionerSource
from rsoup_lightning.modalities.vision_language.environment import PictureEnvironment, picture_names
from rsoup_lightning.modalities.vision_language.features import Pictures, Pixels, features
from rsoup_lightning.modalities.vision_language.policy import TrainedCaptioner, VisionLanguagePolicy
from rsoup_lightning.modalities.vision_language.rewards import PictureReward
from rsoup_lightning.rewards import Reward

NONE: frozenset[str] = frozenset()


class VisionLanguageFineTuner(PretrainedFineTuner):
    """Fine-tunes a captioner. Beside its rewards it logs ``fluency``, the guard against reward hacking.

    Args:
        base: the pre-trained model: any CoCa of open_clip, a small one that is pre-trained on the data, or a
            vision-language chat model of transformers.
        data: where pictures come from, and what is to be said of them.
        rewards: reward name to reward, or names of the task's own rewards.
        preference: μ, reward name to weight on the simplex. Default: equal weights.
        algorithm: how rewards become gradients; any that needs no critic.
        lora: adapters to train, of a chat model; null trains all of its language model.
        train_encoder: whether the picture's encoder is trained too. Else it is frozen, and sees each picture once.
        features: folder that keeps what the frozen encoder saw; null: one in the cache folder (RSOUP_CACHE).
        bad_pictures: stop at a picture that cannot be read, or skip it, which the log tells; skipping needs a frozen
            encoder.
        temperature: of the softmax that tokens are sampled from.
        batch_size: items of a training rollout.
        batches_per_epoch: training rollouts per epoch, of all processes; a checkpoint is written after each epoch.
        max_new_tokens: the most tokens of an answer, its end token included.
        beams: of the search for evaluated answers; 1 takes the most likely token each time.
        eval_batch_size: items per policy and evaluation batch, to bound memory.

    Raises:
        ConfigError: settings that the base or the algorithm does not have.
    """

    def __init__(
        self,
        base: CaptionerSource | ChatModel,
        data: PictureData,
        rewards: dict[str, Reward] | list[str],
        preference: dict[str, float] | None = None,
        algorithm: Algorithm | None = None,
        lora: LoRA | None = None,
        train_encoder: bool = False,
        features: str | None = None,
        bad_pictures: BadPictures = "refuse",
        temperature: float = 1.0,
        batch_size: int = 32,
        batches_per_epoch: int = 10,
        max_new_tokens: int = 12,
        beams: int = 5,
        eval_batch_size: int = 100,
        **kwargs: Any,
    ) -> None:
        algorithm = algorithm or RLOO()
        if algorithm.needs_critic:
            raise ConfigError(
                f"{type(algorithm).__name__} needs a critic, and captioners have none: choose RLOO, GRPO or SCST"
            )
        chats, of_frozen = isinstance(base, ChatModel), bool(features) or bad_pictures == "skip"
        if train_encoder and of_frozen:
            raise ConfigError("features and bad_pictures: skip are for a frozen encoder: set train_encoder to false")
        if chats and (train_encoder or of_frozen):
            raise ConfigError("train_encoder, features and bad_pictures: skip are for CoCa: leave them out")
        if lora is not None and not chats:
            raise ConfigError("lora is for a chat model, and CoCa trains whole weights: leave it out")
        policy: TrainedCaptioner
        if isinstance(base, ChatModel):
            chatter = base.load(whole=lora is None)
            policy, context, unreadable = (
                ChatPolicy(chatter, data, picture_names(data), lora, temperature),
                chatter.context,
                NONE,
            )
        else:
            captioner = base.load(data, bad_pictures)
            pictures = self._pictures(captioner, data, picture_names(data), train_encoder, features, bad_pictures)
            policy = VisionLanguagePolicy(captioner, pictures, train_encoder, temperature)
            context, unreadable = captioner.context, pictures.unreadable
        environment = PictureEnvironment(
            data,
            policy.vocabulary,
            unreadable,
            batch_size=batch_size,
            batches_per_epoch=batches_per_epoch,
            max_new_tokens=max_new_tokens,
            beams=beams,
            eval_batch_size=eval_batch_size,
            context=context,
        )
        built = self.built(rewards)
        for reward in built.values():
            if isinstance(reward, PictureReward):
                reward.prepare(data)
        super().__init__(
            environment=environment,
            policy=policy,
            rewards={FLUENCY: Fluency(), **built},
            preference=preference,
            algorithm=algorithm,
            **kwargs,
        )

    def _pictures(
        self,
        captioner: Captioner,
        data: PictureData,
        names: Sequence[str],
        train_encoder: bool,
        folder: str | None,
        bad_pictures: BadPictures,
    ) -> Pictures:
        if train_encoder:
            return Pixels(captioner, data, names)
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        return features(captioner, data, names, bad_pictures, user_path(folder) if folder else None, device)
