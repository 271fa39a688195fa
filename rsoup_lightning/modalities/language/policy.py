"""Language models as policies: LoRA or whole weights are trained, re-scored, mixed by row, and compared to their start.

Notation: B rows, P tokens of a prompt, T of a completion, M members of a souped policy.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rsoup_lightning.conditioning import COEFFICIENTS
from rsoup_lightning.errors import ConfigError, check_positive
from rsoup_lightning.modalities.ensemble import Ensemble
from rsoup_lightning.modalities.language.reading import completion_logits
from rsoup_lightning.modalities.lora import (
    LoRA,
    LoRASoups,
    Mixable,
    SoupedPolicy,
    check_together,
    learning,
    with_adapter,
)
from rsoup_lightning.modalities.partly_trained import PartlyTrainedPolicy, in_evaluation, without_dropout
from rsoup_lightning.modalities.prompt_tokens import PromptTokens
from rsoup_lightning.modalities.sharding import shard
from rsoup_lightning.modalities.tokens import token_log_probs
from rsoup_lightning.policy import Policy, PolicyOutput, Soups, Weights
from rsoup_lightning.processes import most
from rsoup_lightning.rollout import Rollout

UPDATED = re.compile(r"lora_(embedding_)?B")  # PEFT's factors that begin at zero
ROWS_AT_A_TIME = 64  # when nothing needs a gradient: the logits of more would fill the memory


class TextPolicy(Policy):
    """What a :class:`TextEnvironment` samples: one language model, or several at once.

    Attributes:
        temperature: of the softmax that tokens are sampled from.
    """

    temperature: float

    @abstractmethod
    def playing(self) -> Any:
        """Context in which the model given is in evaluation mode, every row under its member's weights."""

    @abstractmethod
    def base_log_probs(self, rollout: Rollout) -> Tensor:
        """``[B, T]`` log-probabilities of the tokens under the pre-trained model, without gradient."""

    @property
    def groups(self) -> int | None:
        """In how many groups the same weights read prompts; None where each is to be read whole."""
        return self.members

    def goes_on(self, unfinished: Tensor) -> bool:
        """Whether to sample another token where rows ``[B]`` are unfinished. Default: where any is."""
        return bool(unfinished.any())


class LanguagePolicy(PartlyTrainedPolicy, TextPolicy):
    """A causal language model that samples tokens.

    Args:
        model: of transformers.
        lora: what to train of it; None trains all of it.
        critic: whether to learn values, a linear map of the last layer's output.
        temperature: of the softmax that tokens are sampled from.

    Raises:
        ConfigError: a temperature that is not above 0, or targets that the model does not have.
    """

    def __init__(self, model: Any, lora: LoRA | None = None, critic: bool = False, temperature: float = 1.0) -> None:
        super().__init__()
        check_positive(temperature=temperature)
        without_dropout(model)
        self.temperature = temperature
        self.lora = lora
        self.model = (model if lora is None else with_adapter(model, lora)).train()  # playing() makes it sample
        self.critic = nn.Linear(model.config.get_text_config().hidden_size, 1) if critic else None
        if self.critic is not None:
            nn.init.zeros_(self.critic.weight)  # values of zero are the least wrong before any reward is known
            nn.init.zeros_(self.critic.bias)
        self.in_parts = False
        self.remember()

    def cut(self, device: str) -> None:
        """Have each process hold a part of the frozen weights; from now on all sample and re-score together.

        Args:
            device: kind of the processes' devices.
        """
        shard(self.model, device)
        self.in_parts = True

    @property
    def groups(self) -> int | None:
        return None if self.in_parts else super().groups  # all processes must call the model as often

    def goes_on(self, unfinished: Tensor) -> bool:
        own = super().goes_on(unfinished)
        return bool(most(int(own), unfinished.device)) if self.in_parts else own

    def forward(self, rollout: Rollout) -> PolicyOutput:
        # Columns that only pad cost as much as others; but in parts, the model is called once for a single column.
        least = min(2 if self.in_parts else 1, rollout.mask.shape[1])
        steps = max(int(rollout.mask.any(0).sum()), least)
        tokens = rollout["tokens"][:, :steps]
        prompts, copies = distinct_prompts(rollout)
        groups = None if COEFFICIENTS in rollout else self.groups
        logits, hidden = completion_logits(
            self.model, prompts, copies, tokens, hidden=self.critic is not None, groups=groups
        )
        rest = (0, rollout.mask.shape[1] - steps)
        values = None if self.critic is None or hidden is None else self.critic(hidden.float()).squeeze(-1)
        return PolicyOutput(
            log_probs=F.pad(token_log_probs(logits, tokens, self.temperature), rest),
            values=None if values is None else F.pad(values, rest),
        )

    @torch.no_grad()
    def values(self, rollout: Rollout) -> Tensor:
        return super().values(rollout)

    def soups(self, experts: Sequence[Weights]) -> Soups | None:
        if self.lora is None:
            return None
        return partial(SoupedLanguagePolicy, self, LoRASoups(self.model, experts, "model."))

    def ensembles(self, experts: Sequence[Weights], *, drawn: bool = False) -> Soups | None:
        if drawn:  # who answers at the next token must have read all before it: nothing would be saved
            return None
        from rsoup_lightning.modalities.language.ensemble import TextEnsemble  # which needs transformers

        return partial(SoupedLanguagePolicy, self, TextEnsemble(self.model, Ensemble(self, experts)))

    def check_mixed(self) -> None:
        check_together(self.lora)
        if self.lora is not None and self.critic is not None:
            raise ConfigError("adapters are trained together without a critic: choose an algorithm that needs none")

    def forward_mixed(self, rollout: Rollout, experts: Weights) -> PolicyOutput | None:
        if self.lora is None:
            return None
        with self.playing(), learning(self.model, experts, "model.", rollout[COEFFICIENTS]):
            return self(rollout)

    def export(self, folder: Path) -> None:
        """Write the adapter, or the model, as ``from_pretrained`` of PEFT or transformers reads it."""
        self.model.save_pretrained(folder)

    @contextmanager
    def playing(self) -> Iterator[Any]:
        with in_evaluation(self.model):
            yield self.model

    @contextmanager
    def holding(self, weights: Weights) -> Iterator[None]:
        # A fresh adapter adds nothing: without it the base alone is the same, for less work.
        if self.lora is not None and not any(w.any() for name, w in weights.items() if UPDATED.search(name)):
            with self.model.disable_adapter():
                yield
        else:
            with super().holding(weights):
                yield

    def scored(self, rollout: Rollout) -> PolicyOutput:
        order = rollout["id"].argsort(stable=True)  # so that rows of one prompt come together, and it is read once
        parts = order.split(ROWS_AT_A_TIME)
        idle = most(len(parts), order.device) - len(parts) if self.in_parts else 0  # others have more rows
        with self.playing():
            scored = [self(rollout.rows(rows)).log_probs for rows in parts + parts[:1] * idle]
        return PolicyOutput(torch.cat(scored[: len(parts)])[order.argsort()])


class SoupedLanguagePolicy(SoupedPolicy, TextPolicy):
    """Experts mixed in one language model.

    Args:
        policy: holds the model.
        soups: the experts in it.
        coefficients: M points λ, each of E numbers.
    """

    def __init__(self, policy: LanguagePolicy, soups: Mixable, coefficients: Sequence[Sequence[float]]) -> None:
        super().__init__(soups, coefficients)
        self.temperature = policy.temperature
        self._policy = (policy,)  # in a tuple, so that it is no submodule

    def base_log_probs(self, rollout: Rollout) -> Tensor:
        return self._policy[0].base_log_probs(rollout)

    @contextmanager
    def playing(self) -> Iterator[Any]:
        with self._policy[0].playing(), self.souped() as souped:
            yield souped


def distinct_prompts(rollout: Rollout) -> tuple[PromptTokens, Tensor]:
    """Each prompt of a rollout once, and which of them each row has ``[B]``; one for each row where rows have their λ.

    What two λ make of a prompt differs.
    """
    if COEFFICIENTS in rollout:
        rows = torch.arange(len(rollout), device=rollout.mask.device)
        return PromptTokens(rollout["prompt_tokens"], rollout["prompt_mask"]).trimmed(), rows
    ids, copies = torch.unique(rollout["id"], return_inverse=True)
    first = torch.zeros_like(ids).scatter_(0, copies, torch.arange(len(copies), device=copies.device))
    return PromptTokens(rollout["prompt_tokens"], rollout["prompt_mask"])[first].trimmed(), copies
