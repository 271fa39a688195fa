"""Reward models of transformers: any sequence classifier."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.language.texts import Exchange, TextReward
from rsoup_lightning.modalities.loading import load_classifier, load_tokenizer
from rsoup_lightning.optional import need
from rsoup_lightning.rollout import Rollout


class SequenceClassifier(TextReward):
    """A logit of a sequence classifier, or the difference of two.

    What is longer than the model can read loses its beginning, the longer segment first: answers stand last in most
    templates, and it is them the policy is to improve.

    Args:
        model: a hub name, or the path of a folder with a model and its tokenizer.
        score: the class whose logit is the reward, such as 1, or the difference of two, such as "1-0".
        template: the first segment, from {question}, {answer} and {reference}.
        pair: the second segment, for models that were trained on two; the same fields.
        batch_size: texts rated at once.
        max_length: tokens read of a text; null for as many as the model can.
        allow_empty_answers: rate empty answers too, instead of stopping.

    Raises:
        ConfigError: the model cannot be loaded, was not trained as a classifier, has no such class, or cannot read so
            many tokens; its tokenizer cannot pad; transformers is not installed.
    """

    def __init__(
        self,
        model: str,
        score: str | int = "0",
        template: str = "{answer}",
        pair: str | None = None,
        batch_size: int = 32,
        max_length: int | None = None,
        allow_empty_answers: bool = False,
    ) -> None:
        # Both segments are checked for empty questions, and shown to people.
        super().__init__(template if pair is None else f"{template}\n{pair}", allow_empty_answers)
        if batch_size < 1:
            raise ConfigError(f"batch_size is {batch_size}: at least one text is rated at once")
        self.model_name, self.segments, self.batch_size = model, (template, pair), batch_size
        loader = need("transformers", "transformers", "text").AutoModelForSequenceClassification.from_pretrained
        self.model = load_classifier(loader, model, "a sequence classifier")
        self._tokenizer = load_tokenizer(model)
        # One saved for sampling pads on the left, which would move the absolute positions of shorter texts.
        self._tokenizer.padding_side = type(self._tokenizer).padding_side
        self._tokenizer.truncation_side = "left"
        self._classes = _classes(str(score), self.model.config, model)
        self._max_length = _max_length(max_length, self.model, self._tokenizer, model)
        # Causal classifiers read the last token that is no padding.
        self.model.config.pad_token_id = self._tokenizer.pad_token_id

    @property
    def name(self) -> str:
        return f"{type(self).__name__} {self.model_name}"

    def __call__(self, rollout: Rollout) -> Tensor:
        self.model.to(rollout.mask.device)
        return super().__call__(rollout)

    @torch.no_grad()
    def rate(self, exchanges: Sequence[Exchange]) -> Tensor:
        logits = []
        # The policy's mixed precision is none of the reward's: equal texts have equal rewards.
        with torch.autocast(self.model.device.type, enabled=False):
            for start in range(0, len(exchanges), self.batch_size):
                inputs = self._tokenize(exchanges[start : start + self.batch_size])
                logits.append(self.model(**inputs.to(self.model.device)).logits.float())
        plus, *minus = (torch.cat(logits)[:, index] for index in self._classes)
        return plus - minus[0] if minus else plus

    def _tokenize(self, exchanges: Sequence[Exchange]) -> Any:
        tokenizer = self._tokenizer
        # Without special tokens an empty text would be no token at all.
        blank = "" if tokenizer.num_special_tokens_to_add() else tokenizer.pad_token
        texts = [
            [segment.format(question=e.question, answer=e.answer, reference=e.reference) or blank for e in exchanges]
            for segment in self.segments
            if segment is not None
        ]
        limit = {"truncation": True, "max_length": self._max_length} if self._max_length else {}
        return tokenizer(*texts, padding=True, return_tensors="pt", **limit)


def _classes(score: str, config: Any, name: str) -> list[int]:
    """The class indices of ``score``: one, or two that are subtracted.

    Raises:
        ConfigError: it reads otherwise, or names a class that the model does not have.
    """
    match = re.fullmatch(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?", score)
    if match is None:
        raise ConfigError(f"score is {score!r}: give the index of a class such as 1, or two such as '1-0'")
    classes = [int(index) for index in match.groups() if index is not None]
    for index in classes:
        if index >= config.num_labels:
            known = ", ".join(f"{number} {label}" for number, label in sorted(config.id2label.items())[:12])
            raise ConfigError(f"score asks {name} for class {index}, but it has {config.num_labels} ({known})")
    return classes


def _max_length(wanted: int | None, model: nn.Module, tokenizer: Any, name: str) -> int | None:
    """How many tokens to read of a text; None where the model sets no limit.

    Raises:
        ConfigError: ``wanted`` is more than the model can read, or leaves no room for text.
    """
    limits = [tokenizer.model_max_length, getattr(model.config, "max_position_embeddings", None)]
    for path, module in model.named_modules():
        if path.endswith("position_embeddings") and isinstance(module, nn.Embedding) and module.padding_idx is not None:
            limits.append(module.num_embeddings - module.padding_idx - 1)  # RoBERTa counts positions from there
    # Some say "none" by -1, some by a number beyond reason.
    context = min((limit for limit in limits if limit is not None and 0 < limit < 10**9), default=None)
    least = tokenizer.num_special_tokens_to_add(pair=True) + 1
    if wanted is not None and not least <= wanted <= (context or wanted):
        raise ConfigError(f"max_length is {wanted}: {name} can read {least} to {context or 'any number of'} tokens")
    return wanted or context
