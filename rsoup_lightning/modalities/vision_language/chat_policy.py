"""Vision-language chat models as policies: LoRA or whole weights of the language model are trained and mixed by row.

Notation: B rows, R of them read now, L tokens of a row without its picture, W with it, V words of the vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from functools import lru_cache, partial
from inspect import signature
from pathlib import Path
from typing import Any

import torch
from PIL.Image import Image
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from rsoup_lightning.conditioning import COEFFICIENTS
from rsoup_lightning.errors import ConfigError, check_positive
from rsoup_lightning.modalities.data import PictureData
from rsoup_lightning.modalities.lora import LoRA, LoRASoups, check_together, learning, with_adapter
from rsoup_lightning.modalities.partly_trained import in_evaluation, without_dropout
from rsoup_lightning.modalities.vision_language.chat import Chatter, Seen
from rsoup_lightning.modalities.vision_language.decoding import Follow
from rsoup_lightning.modalities.vision_language.policy import CaptioningPolicy, TrainedCaptioner
from rsoup_lightning.policy import PolicyOutput, Soups, Weights
from rsoup_lightning.rollout import Rollout
from rsoup_lightning.simplex import rows_per_point

PICTURES_IN_MEMORY = 256
NEVER = -1e9  # the logit of a token that no answer has: finite, as it is weighed by λ, which may be 0


class ChatPolicy(TrainedCaptioner):
    """A vision-language chat model that answers questions on pictures.

    Args:
        chatter: the pre-trained model, and how it is asked.
        data: has the pictures.
        names: of all pictures, in the order of their numbers.
        lora: adapters to train in the language model; None trains all of it.
        temperature: of the softmax that tokens are sampled from.

    Raises:
        ConfigError: adapters in the tower for pictures, which sees a picture once, whatever λ.
    """

    rows_at_a_time = 16

    def __init__(
        self,
        chatter: Chatter,
        data: PictureData,
        names: Sequence[str],
        lora: LoRA | None = None,
        temperature: float = 1.0,
    ) -> None:
        super().__init__()
        check_positive(temperature=temperature)
        without_dropout(chatter.model)
        self.vocabulary, self.temperature, self.lora = chatter.vocabulary, temperature, lora
        self._chatter = chatter
        self._kept = lru_cache(PICTURES_IN_MEMORY)(lambda number: chatter.look(data.picture(names[number])))
        model = chatter.model.requires_grad_(False)
        if lora is None:
            for part in self._reading():
                part.requires_grad_(True)
        self.model = (model if lora is None else with_adapter(model, lora)).train()  # answering makes it evaluate
        inside = {id(weight) for part in self._reading() for weight in part.parameters()}
        for name, weight in self.model.named_parameters():
            if weight.requires_grad and id(weight) not in inside:
                raise ConfigError(
                    f"model.lora adapts {name.partition('.lora_')[0]}, and what looks at pictures stays as it is: "
                    "leave lora.targets out, or name layers of the language model"
                )
        self.remember()

    def _reading(self) -> tuple[torch.nn.Module, torch.nn.Module]:
        """What reads texts and features, and what makes logits of it."""
        return self._chatter.model.get_decoder(), self._chatter.model.get_output_embeddings()

    def soups(self, experts: Sequence[Weights]) -> Soups | None:
        if self.lora is None:
            return None
        return partial(SoupedChatPolicy, self, LoRASoups(self.model, experts, "model."))

    def check_mixed(self) -> None:
        check_together(self.lora)

    def forward_mixed(self, rollout: Rollout, experts: Weights) -> PolicyOutput | None:
        if self.lora is None:
            return None
        with in_evaluation(self.model), learning(self.model, experts, "model.", rollout[COEFFICIENTS]):
            return self(rollout)

    def export(self, folder: Path) -> None:
        """Write the adapter, or the model, as ``from_pretrained`` of PEFT or transformers reads it."""
        self.model.save_pretrained(folder)

    def follow(self, pictures: Tensor) -> Follow:
        return self._in_sight_of([self._kept(number) for number in pictures.tolist()])

    def follow_new(self, pictures: Sequence[Image]) -> Follow:
        return self._in_sight_of([self._chatter.look(picture) for picture in pictures])

    def _in_sight_of(self, seen: Sequence[Seen]) -> Follow:
        """Goes on writing, row b in sight of ``seen[b]``; logits of what comes before a picture are not told."""

        def follow(tokens: Tensor, rows: Tensor) -> Tensor:
            with nullcontext() if torch.is_grad_enabled() else in_evaluation(self.model):
                return self._logits(tokens, [seen[row] for row in rows.tolist()])

        return follow

    def _logits(self, tokens: Tensor, seen: Sequence[Seen]) -> Tensor:
        words = self._chatter.vocabulary
        place, end = words.place, words.place + words.gap
        shown = [each.tokens.to(tokens.device) for each in seen]
        read = [torch.cat([row[:place], own, row[end:]]) for row, own in zip(tokens, shown, strict=True)]
        lengths = torch.tensor([len(row) for row in read], device=tokens.device)
        if int(lengths.max()) > self._chatter.context:
            raise ConfigError(
                f"a picture, its question and the answer have {int(lengths.max())} tokens, and the model reads "
                f"{self._chatter.context}: give smaller pictures"
            )
        ids = pad_sequence(read, batch_first=True, padding_value=words.padding)
        inputs = self._inputs(ids, lengths, seen)
        longer = lengths - tokens.shape[1]
        start = max(end + int(longer.min()) - 1, 0)  # what comes before is read and not told: the picture's, mostly
        output = self.model(**inputs, use_cache=False, logits_to_keep=ids.shape[1] - start)
        columns = torch.arange(tokens.shape[1], device=tokens.device) + longer.unsqueeze(1)
        kept = (columns - start).clamp(min=0).unsqueeze(-1)
        logits = output.logits.float().gather(1, kept.expand(-1, -1, output.logits.shape[-1]))
        return logits.index_fill(-1, tokens.new_tensor(words.silent), NEVER)

    def _inputs(self, ids: Tensor, lengths: Tensor, seen: Sequence[Seen]) -> dict[str, Any]:
        """Arguments of the model for ``ids [R, W]``, which see these pictures."""
        from transformers.modeling_outputs import BaseModelOutputWithPooling as ModelOutput

        features: Any = [each.features.to(ids.device) for each in seen]  # of each picture, as its tower gives them
        inputs: dict[str, Any] = {
            "input_ids": ids,
            "attention_mask": (torch.arange(ids.shape[1], device=ids.device) < lengths.unsqueeze(1)).long(),
            "mm_encoder_outputs": {"image": ModelOutput(pooler_output=features)},
        }
        if "mm_token_type_ids" in signature(self._chatter.model.forward).parameters:
            inputs["mm_token_type_ids"] = (ids == self._chatter.vocabulary.feature).int()
        for name in seen[0].settings:
            inputs[name] = torch.cat([each.settings[name].to(ids.device) for each in seen])
        return inputs


class SoupedChatPolicy(CaptioningPolicy):
    """Experts mixed in one chat model, each row at its own λ; rows come in M groups, one per λ, in order.

    Args:
        policy: holds the model.
        soups: the experts in it.
        coefficients: M points λ, each of E numbers.
    """

    def __init__(self, policy: ChatPolicy, soups: LoRASoups, coefficients: Sequence[Sequence[float]]) -> None:
        super().__init__()
        self.members, self.vocabulary, self.temperature = len(coefficients), policy.vocabulary, policy.temperature
        self._policy, self._soups = policy, soups
        self._points = torch.tensor([list(point) for point in coefficients], dtype=torch.float64)

    def follow(self, pictures: Tensor) -> Follow:
        return self._mixed(len(pictures), self._policy.follow(pictures))

    def follow_new(self, pictures: Sequence[Image]) -> Follow:
        return self._mixed(len(pictures), self._policy.follow_new(pictures))

    def base_log_probs(self, rollout: Rollout) -> Tensor:
        return self._policy.base_log_probs(rollout)

    def _mixed(self, count: int, follow: Follow) -> Follow:
        points = self._points.repeat_interleave(rows_per_point(count, self.members), dim=0)

        def mixed(tokens: Tensor, rows: Tensor) -> Tensor:
            with in_evaluation(self._policy.model), self._soups.at(points[rows.cpu()]):
                return follow(tokens, rows)

        return mixed
