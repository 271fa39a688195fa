"""Vision-language chat models of transformers: how one is asked, by its processor, and what it sees of a picture.

Questions are tokens without a picture; the picture's own are put in when the model reads them. So what a picture takes
up may differ from one to the next, and its tower looks at each once.

Notation: N features of a picture, D their size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from inspect import signature
from typing import Any

import torch
from PIL.Image import Image
from PIL.Image import new as new_picture
from torch import Tensor

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.chat_templates import check_variables, templated
from rsoup_lightning.modalities.loading import load_pretrained, quiet_transformers
from rsoup_lightning.modalities.pictures import in_rgb
from rsoup_lightning.modalities.pretrained import Precision, compute_dtype, end_tokens, fitting
from rsoup_lightning.modalities.vision_language.vocabulary import AnswerVocabulary
from rsoup_lightning.optional import need

KIND = "vision-language chat model"
READ_BESIDE = ("image_grid_thw", "image_sizes")  # what models are told of pictures when they read their features
USUAL = {"last_hidden_state", "pooler_output", "hidden_states", "attentions"}  # of what a tower gives


@dataclass(frozen=True)
class Seen:
    """A picture as a chat model reads it.

    Attributes:
        tokens: ``[T]`` what stands for it in a text.
        features: ``[N, D]`` in place of those tokens that hold a feature.
        settings: what the model is told beside them, such as how many rows and columns they come from.
    """

    tokens: Tensor
    features: Tensor
    settings: dict[str, Tensor]


class ChatVocabulary(AnswerVocabulary):
    """The tokens of a chat model, and the prompts that its processor's template writes.

    Args:
        processor: of transformers.
        model: whose processor it is.
        instruction: what is asked where nothing is.
        settings: variables of the chat template.

    Attributes:
        place, gap: where a picture's tokens go in a prompt, and how many they replace there.
        silent: tokens that no answer has: those that stand for features, and other end tokens than ``end``.

    Raises:
        ConfigError: it has no chat template, or one that fails, or that puts the question before the picture.
        UnknownNameError: the chat template reads no such variable.
    """

    def __init__(self, processor: Any, model: Any, instruction: str, settings: Mapping[str, Any] | None = None) -> None:
        if not processor.chat_template:
            raise ConfigError("the processor has no chat template: choose a model that was trained to chat")
        self.processor, self._tokenizer, self._instruction = processor, processor.tokenizer, instruction
        self._settings = dict(settings or {})
        check_variables(processor.chat_template, [*self._settings])
        self.end, *others = end_tokens(model, self._tokenizer)
        self.feature = int(model.config.image_token_id)
        self.silent = [self.feature, *others]
        self.place, self.gap = self._picture_place()

    def encode(self, text: str) -> list[int]:
        return list(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def decode(self, tokens: Sequence[int]) -> str:
        return str(self._tokenizer.decode(tokens, skip_special_tokens=True)).strip()

    def prompt(self, question: str) -> list[int]:
        """The tokens of a turn of the user with a picture and a question, and of the beginning of the answer.

        Raises:
            ConfigError: the chat template fails on it, or the question holds the token that stands for pictures.
        """
        if self.feature in self.encode(question):
            raise ConfigError(f"the question {question!r:.60} holds the token that stands for a picture: write it else")
        return self.encode(self.written(question))

    def written(self, question: str) -> str:
        """What the model reads, a picture and a question.

        Raises:
            ConfigError: the chat template fails on it.
        """
        said = {"type": "text", "text": question if question.strip() else self._instruction}
        messages = [{"role": "user", "content": [{"type": "image"}, said]}]
        where = f"the processor's chat template fails on a picture and {question!r:.60}"
        return templated(self.processor, messages, where, settings=self._settings)

    def processed(self, question: str, picture: Image) -> Any:
        """What the processor makes of a question and a picture: its tokens put in, and pixels."""
        return self.processor(
            text=[self.written(question)], images=[picture], add_special_tokens=False, return_tensors="pt"
        )

    def _picture_place(self) -> tuple[int, int]:
        """Where a picture's tokens go, and how many they replace: what the processor changes in two prompts alike."""
        found = set()
        for question in ("one", "two?"):
            plain = self.encode(self.written(question))
            filled = self.processed(question, new_picture("RGB", (64, 64)))["input_ids"][0].tolist()
            place = _alike(plain, filled)
            after = _alike(plain[place:][::-1], filled[place:][::-1])
            found.add((place, len(plain) - place - after))
        if len(found) > 1:
            raise ConfigError("the processor's chat template puts the question before the picture: mend it")
        return found.pop()


def _alike(first: Sequence[int], second: Sequence[int]) -> int:
    """How many tokens two rows begin with alike."""
    pairs = zip(first, second, strict=False)
    return next((place for place, (one, other) in enumerate(pairs) if one != other), min(len(first), len(second)))


@dataclass(frozen=True)
class Chatter:
    """A model and how to speak with it.

    Attributes:
        model: of transformers.
        vocabulary: what its tokens mean.
    """

    model: Any
    vocabulary: ChatVocabulary

    @property
    def context(self) -> int:
        """The most tokens of a row, those of its picture included."""
        return int(self.model.config.get_text_config().max_position_embeddings)

    @torch.no_grad()
    def look(self, picture: Image) -> Seen:
        """What the model sees of a picture.

        Raises:
            ConfigError: it hands on more of a picture than features.
        """
        given = self.vocabulary.processed("", in_rgb(picture))
        tokens = given["input_ids"][0]
        plain = self.vocabulary.prompt("")
        place = self.vocabulary.place
        inputs = {name: tensor.to(self.model.device) for name, tensor in given.items()}
        told = signature(self.model.get_image_features).parameters
        # What is seen is kept: under the mixed precision of a training step it would have other digits than in a sweep.
        with torch.autocast(self.model.device.type, enabled=False):
            output = self.model.get_image_features(**{name: inputs[name] for name in inputs if name in told})
        if more := {name for name in output.keys() - USUAL if output[name] is not None}:
            raise ConfigError(
                f"{type(self.model).__name__} hands on {', '.join(sorted(more))} of a picture beside its features, "
                "which is not supported: choose a model that reads them where their tokens stand"
            )
        features = output.pooler_output
        parts = [features] if isinstance(features, Tensor) else list(features)
        return Seen(
            tokens[place : len(tokens) - (len(plain) - place - self.vocabulary.gap)].to(self.model.device),
            torch.cat([part.flatten(0, -2) for part in parts]),
            {name: inputs[name] for name in inputs if name in READ_BESIDE},
        )


class ChatModel:
    """A vision-language chat model of transformers, such as SmolVLM or Qwen 2.5 VL. The tower for pictures is frozen.

    Args:
        name: hub name or folder.
        instruction: what is asked of a picture where its data ask nothing.
        precision: of the frozen weights; auto takes bfloat16 where the device computes in it. Without lora
            all are trained, in float32.
        chat_template_kwargs: variables of the processor's chat template. A template ignores what it does not read, so
            such are refused.
    """

    def __init__(
        self,
        name: str,
        instruction: str = "Describe this picture in one sentence.",
        precision: Precision = "auto",
        chat_template_kwargs: dict[str, Any] | None = None,
    ) -> None:
        self.name, self.instruction, self.precision = name, instruction, precision
        self.chat_template_kwargs = chat_template_kwargs

    def load(self, *, whole: bool = False) -> Chatter:
        """The model, and how it is asked.

        Args:
            whole: whether whole weights are trained, and not adapters.

        Raises:
            ConfigError: it is not there, or cannot be asked; says what to give instead.
        """
        transformers = need("transformers", "transformers", "text")
        loader = transformers.AutoModelForImageTextToText.from_pretrained
        with quiet_transformers():
            model = load_pretrained(loader, self.name, KIND, dtype=compute_dtype(fitting(self.precision, whole=whole)))
            processor = load_pretrained(transformers.AutoProcessor.from_pretrained, self.name, "processor")
        if "mm_encoder_outputs" not in signature(model.forward).parameters:
            raise ConfigError(
                f"{type(model).__name__} takes no features of pictures in this release of transformers: choose SmolVLM "
                "or Qwen 2.5 VL, or a newer release"
            )
        return Chatter(model, ChatVocabulary(processor, model, self.instruction, self.chat_template_kwargs))
