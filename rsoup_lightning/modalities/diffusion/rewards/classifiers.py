"""Reward models of transformers: any image classifier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from rsoup_lightning.errors import ConfigError, UnknownNameError, check_at_least_one
from rsoup_lightning.modalities.diffusion.rewards.images import ImageReward
from rsoup_lightning.modalities.loading import load_pretrained
from rsoup_lightning.modalities.pretrained import describe_classes, load_classifier
from rsoup_lightning.optional import need


class ImageClassifier(ImageReward):
    """The log-odds of a class against all others.

    Pictures are resized, rescaled and normalised by the model's own image processor. The cafe aesthetic of Ramé et al.
    2023 is ``model: cafeai/cafe_aesthetic, label: aesthetic``, whose probability is the logistic function of this
    reward.

    Args:
        model: a hub name, or the path of a folder with a model and its image processor.
        label: the class, by its name or index: there is no default.
        batch_size: pictures rated at once.

    Raises:
        ConfigError: the model cannot be loaded, was not trained as a classifier, or has no such index; transformers is
            not installed.
        UnknownNameError: no class of that name.
    """

    def __init__(self, model: str, label: str | int | None = None, batch_size: int = 32) -> None:
        check_at_least_one(batch_size=batch_size)
        transformers = need("transformers", "transformers", "text")
        self.model_name, self.batch_size = model, batch_size
        loader = transformers.AutoModelForImageClassification.from_pretrained
        self.model = load_classifier(loader, model, "an image classifier")
        self._processor = load_pretrained(transformers.AutoImageProcessor.from_pretrained, model, "image processor")
        self._class = _index(label, self.model.config, model)

    @property
    def name(self) -> str:
        return f"{type(self).__name__} {self.model_name}"

    def rate(self, images: Tensor, prompts: Sequence[str]) -> Tensor:
        self.model.to(images.device)
        logits = torch.cat([self._logits(part) for part in images.split(self.batch_size)])
        others = torch.arange(logits.shape[1], device=logits.device) != self._class
        return logits[:, self._class] - logits[:, others].logsumexp(1)

    def _logits(self, images: Tensor) -> Tensor:
        # Integers to 255, as files of pictures hold them: how they are rescaled is a setting of the processor.
        inputs = self._processor(list((images * 255).round()), return_tensors="pt", device=images.device)
        return self.model(inputs["pixel_values"].to(images.device)).logits.float()


def _index(label: str | int | None, config: Any, name: str) -> int:
    """The index of a class.

    Raises:
        ConfigError: the model has fewer classes, or one only; or none is given.
        UnknownNameError: it has none of that name.
    """
    if config.num_labels < 2:
        raise ConfigError(f"{name} has a single output, and log-odds need two classes: choose another model")
    if label is None:
        raise ConfigError(f"{name} has the classes {describe_classes(config)}: give as label the one that is paid for")
    if isinstance(label, str) and label not in config.label2id and label.isdecimal():
        label = int(label)  # a command line has no other way to write it
    if isinstance(label, int):
        if not 0 <= label < config.num_labels:
            raise ConfigError(f"label asks {name} for class {label}, but it has 0 to {config.num_labels - 1}")
        return label
    if label not in config.label2id:
        raise UnknownNameError(f"class of {name}", label, config.label2id)
    return int(config.label2id[label])
