"""CoCa (Yu et al. 2022) of open_clip: a picture's features, and the logits of words that follow words.

Notation: B rows, N features of a picture, D their size, L tokens of a row, V words of the vocabulary.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PIL.Image import Image
from torch import Tensor

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.data import PictureData
from rsoup_lightning.modalities.open_clip_models import load_open_clip
from rsoup_lightning.modalities.vision_language.bad_pictures import BadPictures
from rsoup_lightning.modalities.vision_language.vocabulary import AnswerVocabulary, BytePairs
from rsoup_lightning.optional import need


@dataclass(frozen=True)
class Captioner:
    """A model and how to speak with it.

    Attributes:
        model: a CoCa of open_clip.
        vocabulary: what its tokens mean.
        preprocess: makes ``[3, height, width]`` of a picture.
        context: the most tokens of a row: start, question, answer and end.
    """

    model: Any
    vocabulary: AnswerVocabulary
    preprocess: Callable[[Image], Tensor]
    context: int


class CaptionerSource(ABC):
    """Where a pre-trained captioner comes from."""

    @abstractmethod
    def load(self, data: PictureData, bad_pictures: BadPictures = "refuse") -> Captioner:
        """The captioner for these pictures and texts.

        Args:
            data: what it will see and be asked.
            bad_pictures: what to do with a picture that cannot be read, if it looks at them.

        Raises:
            ConfigError: it is not there; says what to give instead.
            PictureError: a picture cannot be read and is not to be skipped; names it.
        """


class OpenClipCoCa(CaptionerSource):
    """Any CoCa of open_clip.

    Args:
        name: an architecture of open_clip such as coca_ViT-B-32, ``local-dir:FOLDER`` or ``hf-hub:ORG/MODEL``.
        weights: for an architecture: a file with its weights, or one of open_clip's tags, which it downloads.
    """

    def __init__(self, name: str = "coca_ViT-B-32", weights: str | None = None) -> None:
        self.name = name
        self.weights = weights

    def load(self, data: PictureData, bad_pictures: BadPictures = "refuse") -> Captioner:
        open_clip = need("open_clip", "open_clip_torch", "vision")
        model, tokenizer = load_open_clip(self.name, self.weights, option="name")
        if not isinstance(model, open_clip.CoCa):
            raise ConfigError(f"{self.name} is a {type(model).__name__}, which writes no text: choose one of CoCa's")
        if not isinstance(tokenizer, open_clip.SimpleTokenizer):
            raise ConfigError(f"{self.name} has a tokenizer without start and end, and CoCa's simple one is needed")
        transform = need("open_clip.transform", "open_clip_torch", "vision")
        preprocess = transform.image_transform_v2(
            transform.PreprocessCfg(**model.visual.preprocess_cfg), is_train=False
        )
        return Captioner(model, BytePairs(tokenizer), preprocess, model.context_length)


def picture_features(model: Any, pixels: Tensor) -> Tensor:
    """The features ``[B, N, D]`` of ``pixels [B, 3, height, width]``."""
    return model.visual(pixels)[1]


def following_logits(model: Any, seen: Tensor, tokens: Tensor) -> Tensor:
    """``[B, L, V]`` logits of what follows each of ``tokens [B, L]`` in sight of ``seen [B, N, D]``."""
    return model.text_decoder(seen, model.text(tokens)[1])


def trained_names(model: Any, *, encoder: bool) -> set[str]:
    """The names of the parameters that captions depend on, without those that stay as they are, such as waves: those of
    the text side, and of the encoder if asked."""
    idle = ["text.text_projection", "visual.proj", "visual.attn_pool_contrastive."]
    if model.text.cls_emb is not None:  # it is only appended for the contrastive loss, and its norm with it
        idle += ["text.ln_final.", "text.cls_emb"]
    sides = ("text.", "text_decoder.", "visual.") if encoder else ("text.", "text_decoder.")
    learnt = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    return {name for name in learnt if name.startswith(sides) and not name.startswith(tuple(idle))}
