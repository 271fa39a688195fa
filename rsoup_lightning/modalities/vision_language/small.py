"""A CoCa of a few million parameters, pre-trained in minutes on the training split of the data at hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from itertools import repeat, zip_longest
from pathlib import Path
from typing import Any, Literal

import torch
from PIL.Image import Image
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from rsoup_lightning.errors import ConfigError, UnknownNameError, check_at_least_one
from rsoup_lightning.modalities.cache import cached_folder
from rsoup_lightning.modalities.data import Item, PictureData
from rsoup_lightning.modalities.data_environment import check_some
from rsoup_lightning.modalities.pictures import as_bytes
from rsoup_lightning.modalities.pretraining import HEAD, Pretraining, pretrain
from rsoup_lightning.modalities.vision_language.bad_pictures import BadPictures, digest_of_pictures, picture_or_none
from rsoup_lightning.modalities.vision_language.coca import (
    Captioner,
    CaptionerSource,
    following_logits,
    picture_features,
)
from rsoup_lightning.modalities.vision_language.vocabulary import WordVocabulary
from rsoup_lightning.optional import need

MODEL, WORDS = "model.safetensors", "words.json"


class SmallCoCa(CaptionerSource):
    """The classes of open_clip at a small size. The first use trains it, with cross-entropy on the references of the
    training split; later ones with the same settings and data read it from the cache folder (RSOUP_CACHE).

    Args:
        image_size: width and height in pixels that pictures are brought to.
        patch_size: width and height of a patch in pixels.
        width: of all layers; a multiple of 32.
        encoder_layers: layers that see.
        text_layers: layers that read, and as many that write.
        context: the most tokens of a row: start, question, answer and end.
        positions: how patches know their places: learnt, or waves, fixed sines and cosines over the picture, with which
            it learns sooner where things are.
        shift: pixels by which pictures are moved at random; where the answer is a place, 0.
        label_smoothing: of the cross-entropy.
        styles: of a reference of a style, how often it is read in pre-training for each time that one of a style that
            is not given is.
        pretraining: how it is trained.
    """

    def __init__(
        self,
        image_size: int = 48,
        patch_size: int = 8,
        width: int = 160,
        encoder_layers: int = 4,
        text_layers: int = 2,
        context: int = 16,
        positions: Literal["learnt", "waves"] = "learnt",
        shift: int = 4,
        label_smoothing: float = 0.1,
        styles: dict[str, int] | None = None,
        pretraining: Pretraining = Pretraining(),  # noqa: B008  # a constant: nobody changes it
    ) -> None:
        check_at_least_one(**(styles or {}))
        if width % HEAD or image_size % patch_size:
            raise ConfigError(
                f"width {width} must be a multiple of {HEAD}, and image_size {image_size} of patch_size {patch_size}"
            )
        self.image_size = image_size
        self.patch_size = patch_size
        self.width = width
        self.encoder_layers = encoder_layers
        self.text_layers = text_layers
        self.context = context
        self.positions = positions
        self.shift = shift
        self.label_smoothing = label_smoothing
        self.styles = styles or {}
        self.pretraining = pretraining

    def load(self, data: PictureData, bad_pictures: BadPictures = "refuse") -> Captioner:
        items = data.items("train")
        check_some(items, data, "train")
        known = {style for item in items for style in item.styles}
        for style in self.styles.keys() - known:
            raise UnknownNameError(f"style of {type(data).__name__}", style, known)
        folder = cached_folder(
            "coca", self._settings(data, items), lambda path: self._make(path, data, items, bad_pictures)
        )
        vocabulary = WordVocabulary.load(folder / WORDS)
        vocabulary.check([item.references for item in data.items("eval")])
        model = self.build(len(vocabulary))
        model.load_state_dict(load_file(folder / MODEL))
        return Captioner(model.eval(), vocabulary, self.preprocess, self.context)

    def build(self, words: int) -> nn.Module:
        """The model with random weights, for a vocabulary of so many words."""
        text = {
            "context_length": self.context,
            "vocab_size": words,
            "width": self.width,
            "heads": self.width // HEAD,
            "layers": self.text_layers,
        }
        vision = {
            "image_size": self.image_size,
            "patch_size": self.patch_size,
            "width": self.width,
            "head_width": HEAD,
            "layers": self.encoder_layers,
            "pos_embed_type": {"learnt": "learnable", "waves": "sin_cos_2d"}[self.positions],
        }
        model = need("open_clip", "open_clip_torch", "vision").CoCa(
            embed_dim=self.width,
            multimodal_cfg=text,
            text_cfg={**text, "embed_cls": True, "output_tokens": True},  # without it, rows must have the full length
            vision_cfg={**vision, "output_tokens": True},
        )
        nn.init.normal_(model.text_decoder.text_projection, std=self.width**-0.5)  # open_clip leaves what was in memory
        return model

    def preprocess(self, picture: Image) -> Tensor:
        """``[3, image_size, image_size]`` of a picture, around 0."""
        return _centred(as_bytes(picture, self.image_size))

    def _settings(self, data: PictureData, items: Sequence[Item]) -> dict[str, Any]:
        seen = [(item.picture, item.question, item.references, item.styles) for item in items]
        own = {name: value for name, value in vars(self).items() if name != "pretraining"}
        return {
            **own,
            "pretraining": vars(self.pretraining),
            "data": f"{type(data).__module__}.{type(data).__name__}",
            "items": sha256(repr(seen).encode()).hexdigest(),
            "pictures": digest_of_pictures(data, [item.picture for item in items]),
        }

    def _make(self, folder: Path, data: PictureData, items: Sequence[Item], bad_pictures: BadPictures) -> None:
        vocabulary = WordVocabulary.of(text for item in items for text in (item.question, *item.references))
        names = dict.fromkeys(item.picture for item in items if item.references)
        seen = {name: picture for name in names if (picture := picture_or_none(data, name, bad_pictures)) is not None}
        if not seen:
            raise ConfigError(f"{type(data).__name__} has no picture with references to pre-train on: give it some")
        pixels = torch.stack([as_bytes(picture, self.image_size) for picture in seen.values()])
        place = {name: number for number, name in enumerate(seen)}
        pairs = [(item, reference) for item in items if item.picture in seen for reference in self._read(item)]
        shown = torch.tensor([place[item.picture] for item, _ in pairs])
        rows = [self._row(vocabulary, item.question, reference) for item, reference in pairs]
        tokens, targets = (torch.tensor(column) for column in zip(*rows, strict=True))
        with torch.random.fork_rng():
            torch.manual_seed(self.pretraining.seed)
            model = self.build(len(vocabulary))
            loss = self._loss(model, pixels, shown, tokens, targets)
            pretrain(model, loss, len(pairs), self.pretraining, "pre-training of a small CoCa")
        save_file(model.state_dict(), folder / MODEL)
        vocabulary.save(folder / WORDS)

    def _read(self, item: Item) -> Iterator[str]:
        """References, each as often as its style is to be read."""
        for reference, style in zip_longest(item.references, item.styles, fillvalue=""):
            yield from repeat(reference, self.styles.get(style, 1))

    def _row(self, vocabulary: WordVocabulary, question: str, reference: str) -> tuple[list[int], list[int]]:
        """Tokens to read, and at each the one to write; 0, which is not a target, at those of the question."""
        prompt, answer = vocabulary.prompt(question), [*vocabulary.encode(reference), vocabulary.end]
        row = [*prompt, *answer]
        if len(row) > self.context + 1:
            raise ConfigError(f"{question!r} and {reference!r:.60} have {len(row)} tokens: set context to that")
        rest = [vocabulary.padding] * (self.context + 1 - len(row))
        return (row + rest)[:-1], [0] * (len(prompt) - 1) + answer + rest

    def _loss(
        self, model: nn.Module, pixels: Tensor, shown: Tensor, tokens: Tensor, targets: Tensor
    ) -> Callable[[Tensor], Tensor]:
        def loss(rows: Tensor) -> Tensor:
            wanted = targets[rows]
            used = int((wanted != 0).any(0).nonzero().max()) + 1  # columns that only pad cost as much as others
            moved = _moved(pixels[shown[rows]], self.shift)
            logits = following_logits(model, picture_features(model, _centred(moved)), tokens[rows, :used])
            return F.cross_entropy(
                logits.flatten(0, 1),
                wanted[:, :used].flatten(),
                ignore_index=0,
                label_smoothing=self.label_smoothing,
            )

        return loss


def _centred(pixels: Tensor) -> Tensor:
    return (pixels.float() / 255 - 0.5) / 0.25


def _moved(pixels: Tensor, most: int) -> Tensor:
    """Each of ``pixels [B, 3, S, S]`` moved by up to ``most`` pixels either way; its edge fills what it leaves."""
    if not most:
        return pixels
    size = pixels.shape[-1]
    padded = F.pad(pixels.float(), (most,) * 4, mode="replicate")
    offsets = torch.randint(2 * most + 1, (2, len(pixels), 1))
    rows, columns = (offset + torch.arange(size) for offset in offsets)
    index = torch.arange(len(pixels))[:, None, None]
    return padded.permute(0, 2, 3, 1)[index, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
