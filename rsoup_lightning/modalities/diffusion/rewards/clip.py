"""CLIP of open_clip: how pictures and texts are embedded, and how well a picture fits its prompt."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import interpolate, normalize

from rsoup_lightning.errors import ConfigError, RewardError, check_at_least_one
from rsoup_lightning.modalities.diffusion.rewards.images import PromptedReward
from rsoup_lightning.modalities.open_clip_models import load_open_clip


class ClipSimilarity(PromptedReward):
    """The cosine between the embeddings of a picture and of its prompt, from -1 to 1 (Radford et al. 2021).

    Args:
        model: as in :class:`Clip`.
        weights: as in :class:`Clip`.
        template: what the prompt is embedded in, such as "a photo of {prompt}".
        batch_size: pictures embedded at once.

    Raises:
        ConfigError: the model cannot be loaded, or the template has no {prompt}.
    """

    def __init__(
        self, model: str, weights: str | None = None, template: str = "{prompt}", batch_size: int = 32
    ) -> None:
        if "{prompt}" not in template:
            raise ConfigError(f"the template {template!r} has no {{prompt}}: all pictures would be rated by one text")
        self.template = template
        self._clip = Clip(model, weights, batch_size)

    def rate(self, images: Tensor, prompts: Sequence[str]) -> Tensor:
        for row, prompt in enumerate(prompts):
            if not prompt.strip():
                raise RewardError(f"{self.name} would rate row {row} by an empty prompt: check the data's prompts")
        distinct = list(dict.fromkeys(prompts))  # completions of one prompt share its embedding
        texts = self._clip.texts([self.template.replace("{prompt}", prompt) for prompt in distinct], images.device)
        rows = torch.tensor([distinct.index(prompt) for prompt in prompts], device=images.device)
        return (self._clip.images(images) * texts[rows]).sum(1)


class Clip:
    """Embeddings of open_clip, of length one.

    Args:
        model: an architecture of open_clip such as ViT-B-32, ``local-dir:FOLDER`` or ``hf-hub:ORG/MODEL``. The weights
            of OpenAI need the architectures whose names end in -quickgelu.
        weights: for an architecture: a file with its weights, or one of open_clip's tags, which it downloads.
        batch_size: pictures embedded at once.

    Raises:
        ConfigError: the model cannot be loaded, or open_clip is not installed.
    """

    def __init__(self, model: str, weights: str | None = None, batch_size: int = 32) -> None:
        check_at_least_one(batch_size=batch_size)
        self.name, self.batch_size = model, batch_size
        loaded, self._tokenize = load_open_clip(model, weights, option="model")
        self.model = loaded.eval().requires_grad_(False)
        self._preprocessing = self.model.visual.preprocess_cfg

    def images(self, images: Tensor) -> Tensor:
        """``[B, D]`` of ``images [B, 3, H, W]`` from 0 to 1."""
        self.model.to(images.device)
        parts = [self.model.encode_image(self._prepared(part)) for part in images.split(self.batch_size)]
        return normalize(torch.cat(parts).float(), dim=1)

    def texts(self, texts: Sequence[str], device: torch.device) -> Tensor:
        """``[N, D]`` of N texts; what is longer than the model reads is cut off."""
        self.model.to(device)
        return normalize(self.model.encode_text(self._tokenize(list(texts)).to(device)).float(), dim=1)

    def _prepared(self, images: Tensor) -> Tensor:
        """Resized by the shorter side and cropped to the middle, as the model was trained, then normalised."""
        size = self._preprocessing["size"]
        high, wide = (size, size) if isinstance(size, int) else size
        height, width = images.shape[2:]
        scale = max(high / height, wide / width)
        resized = (max(high, round(height * scale)), max(wide, round(width * scale)))
        images = interpolate(images, resized, mode="bicubic", antialias=True).clamp(0, 1)
        top, left = round((resized[0] - high) / 2), round((resized[1] - wide) / 2)
        images = images[:, :, top : top + high, left : left + wide]
        mean, std = (images.new_tensor(self._preprocessing[key]).view(3, 1, 1) for key in ("mean", "std"))
        return (images - mean) / std
