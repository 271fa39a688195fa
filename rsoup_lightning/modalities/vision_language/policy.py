"""Captioners as policies: what they write is sampled, searched for, re-scored, and compared to their start.

Notation: B rows, T tokens of an answer, V words of the vocabulary, N features of a picture, D their size.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.nn import functional as F

from rsoup_lightning.modalities.language.reading import token_log_probs
from rsoup_lightning.modalities.vision_language.coca import Captioner, read, see, trained_names
from rsoup_lightning.modalities.vision_language.decoding import Follow, Prompts, answer_logits
from rsoup_lightning.modalities.vision_language.features import Pictures
from rsoup_lightning.policy import Policy, PolicyOutput, Weights
from rsoup_lightning.rollout import Rollout

ROWS_AT_A_TIME = 256  # when nothing needs a gradient


class VisionLanguagePolicy(Policy):
    """A CoCa that writes an answer to a question on a picture, or a caption where nothing is asked.

    Args:
        captioner: the pre-trained model, and its vocabulary.
        pictures: what it gets of them: features of the frozen encoder, or pixels where the encoder is trained too.
        train_encoder: whether it is; else the text side alone is trained and makes an expert.
        temperature: of the softmax that tokens are sampled from.
    """

    def __init__(
        self, captioner: Captioner, pictures: Pictures, train_encoder: bool = False, temperature: float = 1.0
    ) -> None:
        super().__init__()
        self.model = captioner.model
        self.vocabulary = captioner.vocabulary
        self.temperature = temperature
        self.train_encoder = train_encoder
        self._pictures = pictures
        self._trained = {f"model.{name}" for name in trained_names(self.model, encoder=train_encoder)}
        for name, parameter in self.named_parameters():
            parameter.requires_grad_(name in self._trained)
        self._start = self._copy()

    def forward(self, rollout: Rollout) -> PolicyOutput:
        steps = max(int(rollout.mask.any(0).sum()), 1)  # columns that only pad cost as much as others
        tokens = rollout["tokens"][:, :steps]
        prompts = Prompts(rollout["prompt"], rollout["prompt_length"])
        rows = torch.arange(len(tokens), device=tokens.device)
        logits = answer_logits(self.follow(rollout["picture"]), prompts, tokens, rows, self.vocabulary.padding)
        scored = token_log_probs(logits, tokens, self.temperature)
        return PolicyOutput(log_probs=F.pad(scored, (0, rollout.mask.shape[1] - steps)))

    def follow(self, pictures: Tensor) -> Follow:
        """What goes on writing in sight of ``pictures [B]``, by their numbers; each is looked at once."""
        shown, places = self._pictures(pictures)
        seen = see(self.model, shown) if self.train_encoder else shown  # [G, N, D]
        return lambda tokens, rows: read(self.model, seen[places[rows]], tokens)

    def weights(self) -> Weights:
        return {name: tensor for name, tensor in self.state_dict().items() if name in self._trained}

    def start_from(self, weights: Weights) -> None:
        super().start_from(weights)
        self._start = self._copy()

    def freeze_reference(self) -> None:
        self._start = self._copy()

    @torch.no_grad()
    def reference_log_probs(self, rollout: Rollout) -> Tensor:
        """As of :class:`Policy`; the policy as it was built or began until another reference is frozen."""
        if "reference_log_probs" in rollout:
            return rollout["reference_log_probs"]
        with self._at_start():
            index = torch.arange(len(rollout), device=rollout.mask.device)
            return torch.cat([self(rollout.rows(part)).log_probs for part in index.split(ROWS_AT_A_TIME)])

    def _copy(self) -> dict[str, Tensor]:
        return {name: tensor.detach().clone() for name, tensor in self.weights().items()}

    @contextmanager
    def _at_start(self) -> Iterator[None]:
        """The model as it was when the reference was frozen."""
        own = {name: parameter for name, parameter in self.named_parameters() if name in self._trained}
        now = {name: parameter.data for name, parameter in own.items()}
        try:
            for name, parameter in own.items():
                parameter.data = self._start[name].to(parameter.device)
            yield
        finally:
            for name, parameter in own.items():
                parameter.data = now[name]
