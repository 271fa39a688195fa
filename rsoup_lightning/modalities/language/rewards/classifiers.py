"""Reward models of transformers: any sequence classifier."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from rsoup_lightning.errors import ConfigError, RewardError, check_at_least_one
from rsoup_lightning.modalities.language.rewards.texts import Exchange, TextReward
from rsoup_lightning.modalities.pretrained import check_tokens, describe_classes, load_classifier, load_tokenizer
from rsoup_lightning.optional import need
from rsoup_lightning.rollout import Rollout

NO_TOKEN = -1
Row = dict[str, list[int]]
"""What a tokenizer makes of one text: its tokens, and what else the model reads of each."""


class SequenceClassifier(TextReward):
    """A logit of a sequence classifier, or the difference of two.

    A text's score is that of the model alone on it: texts are batched with those of their own length, never padded.
    What is longer than the model can read loses its beginning, the longer segment first: answers stand last in most
    templates, and it is them the policy is to improve.

    Args:
        model: a hub name, or the path of a folder with a model and its tokenizer, or with an adapter of PEFT.
        score: the class whose logit is the reward, such as 1, or the difference of two, such as "1-0". Null is for
            models of a single output.
        template: the first segment, from {question}, {answer} and {reference}.
        pair: the second segment, for models that were trained on two; the same fields.
        batch_size: texts rated at once.
        max_length: tokens read of a text; null for as many as the model can.
        allow_empty_answers: rate empty answers too, instead of stopping.
        precision: of the weights, whatever they were saved in. bfloat16 takes half the memory and leaves two or three
            digits, the last of which may depend on what is rated at once.

    Raises:
        ConfigError: the model cannot be loaded, was not trained as a classifier, has no such class, several and no
            ``score``, or cannot read so many tokens; transformers is not installed.
    """

    def __init__(
        self,
        model: str,
        score: str | int | None = None,
        template: str = "{answer}",
        pair: str | None = None,
        batch_size: int = 32,
        max_length: int | None = None,
        allow_empty_answers: bool = False,
        precision: Literal["float32", "bfloat16"] = "float32",
    ) -> None:
        # Both segments are checked for empty questions, and shown to people.
        super().__init__(template if pair is None else f"{template}\n{pair}", allow_empty_answers)
        check_at_least_one(batch_size=batch_size)
        self.model_name, self.segments, self.batch_size = model, (template, pair), batch_size
        loader = need("transformers", "transformers", "text").AutoModelForSequenceClassification.from_pretrained
        dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
        self.model = load_classifier(loader, model, "a sequence classifier", dtype)
        self._tokenizer = load_tokenizer(model)
        self._tokenizer.truncation_side = "left"
        self._classes = _classes(score, self.model.config, model)
        self._max_length = _max_length(max_length, self.model, self._tokenizer, model)
        # Causal classifiers read the last token that is no padding, and without a padding token one text at a time.
        self._config = self.model.config.get_text_config()
        if getattr(self._config, "pad_token_id", None) is None:
            self._config.pad_token_id = NO_TOKEN

    @property
    def name(self) -> str:
        return f"{type(self).__name__} {self.model_name}"

    def ratings(self, rollout: Rollout) -> Sequence[float] | Tensor:
        self.model.to(rollout.mask.device)
        return super().ratings(rollout)

    def rate(self, exchanges: Sequence[Exchange]) -> Tensor:
        rows = self._tokenize(exchanges)
        logits = torch.empty(len(rows), self.model.config.num_labels, device=self.model.device)
        for places in self._alike(rows):
            inputs = {name: [rows[place][name] for place in places] for name in rows[0]}
            tensors = {name: torch.tensor(values, device=logits.device) for name, values in inputs.items()}
            logits[places] = self.model(**tensors).logits.float()
        plus, *minus = (logits[:, index] for index in self._classes)
        return plus - minus[0] if minus else plus

    def _alike(self, rows: Sequence[Row]) -> Iterator[list[int]]:
        """The places of rows of one length, at most a batch of them at once."""
        end: Any = getattr(self._config, "eos_token_id", None)
        groups = defaultdict[tuple[int, int], list[int]](list)
        for place, row in enumerate(rows):
            # BART and T5 take only texts with as many end tokens at once.
            groups[len(row["input_ids"]), row["input_ids"].count(end)].append(place)
        for places in groups.values():
            for start in range(0, len(places), self.batch_size):
                yield places[start : start + self.batch_size]

    def _tokenize(self, exchanges: Sequence[Exchange]) -> list[Row]:
        tokenizer = self._tokenizer
        # Without special tokens an empty text would be no token at all.
        blank = "" if tokenizer.num_special_tokens_to_add() else tokenizer.eos_token or tokenizer.pad_token or ""
        texts = [
            [segment.format(question=e.question, answer=e.answer, reference=e.reference) or blank for e in exchanges]
            for segment in self.segments
            if segment is not None
        ]
        limit = {"truncation": True, "max_length": self._max_length} if self._max_length else {}
        encoded = tokenizer(*texts, **limit)
        rows = []
        for place, tokens in enumerate(encoded["input_ids"]):
            if not tokens:
                raise RewardError(f"{self.name} would rate row {place} by a text without any token")
            check_tokens(tokens, tokenizer, getattr(self._config, "vocab_size", None))
            # The template writes the start token, and the tokenizer adds another: the model was trained on one.
            start = int(tokens[:2] in ([tokenizer.bos_token_id] * 2, [tokenizer.cls_token_id] * 2))
            rows.append({name: values[place][start:] for name, values in encoded.items()})
        return rows


def _classes(score: str | int | None, config: Any, name: str) -> list[int]:
    """The class indices of ``score``: one, or two that are subtracted.

    Raises:
        ConfigError: it reads otherwise, names a class that the model does not have, or none of several.
    """
    if score is None and config.num_labels > 1:
        raise ConfigError(
            f"{name} has {config.num_labels} classes ({describe_classes(config)}): give score, the one that is the "
            "reward, such as 1, or the difference of two, such as '1-0'"
        )
    match = re.fullmatch(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?", "0" if score is None else str(score))
    if match is None:
        raise ConfigError(f"score is {score!r}: give the index of a class such as 1, or two such as '1-0'")
    classes = [int(index) for index in match.groups() if index is not None]
    for index in classes:
        if index >= config.num_labels:
            raise ConfigError(
                f"score asks {name} for class {index}, but it has {config.num_labels} ({describe_classes(config)})"
            )
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
