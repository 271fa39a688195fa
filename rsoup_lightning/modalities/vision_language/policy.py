"""Captioners as policies: what they write is sampled, searched for, re-scored, and compared to their start.

Notation: B rows, T tokens of an answer, V words of the vocabulary, N features of a picture, D their size.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from functools import partial

import torch
from PIL.Image import Image
from torch import Tensor
from torch.nn import functional as F

from rsoup_lightning.errors import check_positive
from rsoup_lightning.modalities.ensemble import Ensemble, as_points
from rsoup_lightning.modalities.partly_trained import PartlyTrainedPolicy, without_dropout
from rsoup_lightning.modalities.pictures import in_rgb
from rsoup_lightning.modalities.prompt_tokens import PromptTokens
from rsoup_lightning.modalities.tokens import token_log_probs
from rsoup_lightning.modalities.vision_language.coca import Captioner, following_logits, picture_features, trained_names
from rsoup_lightning.modalities.vision_language.decoding import Follow, answer_logits
from rsoup_lightning.modalities.vision_language.features import Pictures, as_kept
from rsoup_lightning.modalities.vision_language.vocabulary import AnswerVocabulary
from rsoup_lightning.policy import Policy, PolicyOutput, Soups, Weights
from rsoup_lightning.rollout import Rollout
from rsoup_lightning.simplex import rows_per_point

ROWS_AT_A_TIME = 256  # when nothing needs a gradient


class CaptioningPolicy(Policy):
    """What a :class:`PictureEnvironment` asks: one captioner, or several at once.

    Attributes:
        vocabulary: what its tokens mean.
        temperature: of the softmax that tokens are sampled from.
    """

    vocabulary: AnswerVocabulary
    temperature: float

    @abstractmethod
    def follow(self, pictures: Tensor) -> Follow:
        """What goes on writing in sight of ``pictures [B]``, by their numbers; each is looked at once."""

    @abstractmethod
    def follow_new(self, pictures: Sequence[Image]) -> Follow:
        """What goes on writing in sight of B pictures that are none of the data's."""

    @abstractmethod
    def base_log_probs(self, rollout: Rollout) -> Tensor:
        """``[B, T]`` log-probabilities of the tokens under the pre-trained model, without gradient."""

    def forward(self, rollout: Rollout) -> PolicyOutput:
        steps = max(int(rollout.mask.any(0).sum()), 1)  # columns that only pad cost as much as others
        tokens = rollout["tokens"][:, :steps]
        prompts = PromptTokens(rollout["prompt_tokens"], rollout["prompt_mask"])
        rows = torch.arange(len(tokens), device=tokens.device)
        logits = answer_logits(self.follow(rollout["picture"]), prompts, tokens, rows, self.vocabulary.padding)
        scored = token_log_probs(logits, tokens, self.temperature)
        return PolicyOutput(log_probs=F.pad(scored, (0, rollout.mask.shape[1] - steps)))


class TrainedCaptioner(PartlyTrainedPolicy, CaptioningPolicy):
    """A captioner whose weights make an expert."""

    rows_at_a_time = ROWS_AT_A_TIME

    def ensembles(self, experts: Sequence[Weights], *, drawn: bool = False) -> Soups | None:
        return None if drawn else partial(EnsembleCaptioningPolicy, self, Ensemble(self, experts))

    def scored(self, rollout: Rollout) -> PolicyOutput:
        index = torch.arange(len(rollout), device=rollout.mask.device)
        parts = [self(rollout.rows(part)).log_probs for part in index.split(self.rows_at_a_time)]
        return PolicyOutput(torch.cat(parts))


class VisionLanguagePolicy(TrainedCaptioner):
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
        check_positive(temperature=temperature)
        without_dropout(captioner.model)
        self.model = captioner.model
        self.vocabulary = captioner.vocabulary
        self.temperature = temperature
        self.train_encoder = train_encoder
        self._preprocess = captioner.preprocess
        self._pictures = pictures
        trained = trained_names(self.model, encoder=train_encoder)
        for name, parameter in self.model.named_parameters():
            parameter.requires_grad_(name in trained)
        self.remember()

    def follow(self, pictures: Tensor) -> Follow:
        shown, places = self._pictures(pictures)
        return self._in_sight_of(picture_features(self.model, shown) if self.train_encoder else shown, places)

    def follow_new(self, pictures: Sequence[Image]) -> Follow:
        pixels = torch.stack([self._preprocess(in_rgb(picture)) for picture in pictures])
        seen = picture_features(self.model, pixels.to(next(self.parameters()).device))
        seen = seen if self.train_encoder else as_kept(seen).float()
        return self._in_sight_of(seen, torch.arange(len(seen), device=seen.device))

    def _in_sight_of(self, seen: Tensor, places: Tensor) -> Follow:
        """Goes on writing, row b in sight of features ``seen[places[b]]``; ``seen [G, N, D]``."""
        return lambda tokens, rows: following_logits(self.model, seen[places[rows]], tokens)


class EnsembleCaptioningPolicy(CaptioningPolicy):
    """Experts of one captioner, their logits mixed at each token; rows come in M groups, one per λ, in order.

    Args:
        policy: what the experts take turns in.
        ensemble: they.
        coefficients: M points λ, each of E numbers.
    """

    def __init__(self, policy: TrainedCaptioner, ensemble: Ensemble, coefficients: Sequence[Sequence[float]]) -> None:
        super().__init__()
        self.members, self.vocabulary, self.temperature = len(coefficients), policy.vocabulary, policy.temperature
        self._policy, self._ensemble, self._points = policy, ensemble, as_points(coefficients, len(ensemble))

    def follow(self, pictures: Tensor) -> Follow:
        return self._mixed(len(pictures), lambda: self._policy.follow(pictures))

    def follow_new(self, pictures: Sequence[Image]) -> Follow:
        return self._mixed(len(pictures), lambda: self._policy.follow_new(pictures))

    def base_log_probs(self, rollout: Rollout) -> Tensor:
        return self._policy.base_log_probs(rollout)

    def _mixed(self, count: int, look: Callable[[], Follow]) -> Follow:
        """What goes on writing in sight of ``count`` pictures, at which each expert looks for itself."""
        own = []
        for number in range(len(self._ensemble)):
            with self._ensemble.turn(number):
                own.append(look())
        points = self._points.repeat_interleave(rows_per_point(count, self.members), dim=0)
        return lambda tokens, rows: self._ensemble.pooled(
            lambda number: own[number](tokens, rows), points[rows.to(points.device)]
        )
