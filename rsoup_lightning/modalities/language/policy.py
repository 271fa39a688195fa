"""Language models as policies: LoRA or whole weights are trained, re-scored, mixed by row, and compared to their start.

Notation: B rows, P tokens of a prompt, T of a completion, M members of a souped policy.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rsoup_lightning.modalities.language.reading import completion_logits
from rsoup_lightning.modalities.lora import LoRA, soups_in, with_adapter
from rsoup_lightning.modalities.partly_trained import with_values
from rsoup_lightning.modalities.prompt_tokens import PromptTokens
from rsoup_lightning.modalities.tokens import token_log_probs
from rsoup_lightning.policy import Policy, PolicyOutput, Weights
from rsoup_lightning.rollout import Rollout

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


class LanguagePolicy(TextPolicy):
    """A causal language model that samples tokens.

    Args:
        model: of transformers.
        lora: what to train of it; None trains all of it.
        critic: whether to learn values, a linear map of the last layer's output.
        temperature: of the softmax that tokens are sampled from.
    """

    def __init__(self, model: Any, lora: LoRA | None = None, critic: bool = False, temperature: float = 1.0) -> None:
        super().__init__()
        self.temperature = temperature
        self.lora = lora
        self.model = (model if lora is None else with_adapter(model, lora)).train()  # playing() makes it sample
        self.critic = nn.Linear(model.config.get_text_config().hidden_size, 1) if critic else None
        if self.critic is not None:
            nn.init.zeros_(self.critic.weight)  # values of zero are the least wrong before any reward is known
            nn.init.zeros_(self.critic.bias)
        self._start: dict[str, Tensor] = {}
        self._trained = {name for name, parameter in self.named_parameters() if parameter.requires_grad}

    def forward(self, rollout: Rollout) -> PolicyOutput:
        steps = max(int(rollout.mask.any(0).sum()), 1)  # columns that only pad cost as much as others
        tokens = rollout["tokens"][:, :steps]
        prompts, copies = distinct_prompts(rollout)
        logits, hidden = completion_logits(self.model, prompts, copies, tokens, hidden=self.critic is not None)
        rest = (0, rollout.mask.shape[1] - steps)
        values = None if self.critic is None or hidden is None else self.critic(hidden.float()).squeeze(-1)
        return PolicyOutput(
            log_probs=F.pad(token_log_probs(logits, tokens, self.temperature), rest),
            values=None if values is None else F.pad(values, rest),
        )

    @torch.no_grad()
    def values(self, rollout: Rollout) -> Tensor:
        return super().values(rollout)

    def weights(self) -> Weights:
        return {name: tensor for name, tensor in self.state_dict().items() if name in self._trained}

    def soups(self, experts: Sequence[Weights], coefficients: Sequence[Sequence[float]]) -> Policy | None:
        return SoupedPolicy(self, experts, coefficients) if self.lora is not None else None

    def export(self, folder: Path) -> None:
        """Write the adapter, or the model, as ``from_pretrained`` of PEFT or transformers reads it."""
        self.model.save_pretrained(folder)

    @contextmanager
    def playing(self) -> Iterator[Any]:
        training = self.model.training
        try:
            yield self.model.eval()
        finally:
            self.model.train(training)

    def freeze_reference(self) -> None:
        if self.lora is None:
            super().freeze_reference()
            return
        adapters = {name: tensor.detach().clone() for name, tensor in self.named_parameters() if "lora_" in name}
        # A fresh adapter adds nothing: without it the base alone is the reference, for less work.
        fresh = not any(tensor.any() for name, tensor in adapters.items() if "lora_B" in name)
        self._start = {} if fresh else adapters

    @torch.no_grad()
    def reference_log_probs(self, rollout: Rollout) -> Tensor:
        """As of :class:`Policy`, at this policy's temperature; the pre-trained model until a reference is frozen."""
        if "reference_log_probs" in rollout:
            return rollout["reference_log_probs"]
        (reference,) = self._reference or (self,)
        assert isinstance(reference, LanguagePolicy)
        order = rollout["id"].argsort(stable=True)  # so that rows of one prompt come together, and it is read once
        with reference.playing(), self._at_start():
            parts = [reference(rollout.rows(rows)).log_probs for rows in order.split(ROWS_AT_A_TIME)]
        return torch.cat(parts)[order.argsort()]

    @contextmanager
    def _at_start(self) -> Iterator[None]:
        """The model as it was at :meth:`freeze_reference`."""
        if self.lora is None:
            yield
        elif not self._start:
            with self.model.disable_adapter():
                yield
        else:
            with with_values(self, self._start):
                yield


class SoupedPolicy(TextPolicy):
    """M soups of LoRA experts in one model: rows come in M groups, one per λ, in order; see :mod:`merging.together`.

    Args:
        policy: holds the base model.
        experts: E weights of ``policy``'s kind.
        coefficients: M points λ, each of E numbers.
    """

    def __init__(
        self, policy: LanguagePolicy, experts: Sequence[Weights], coefficients: Sequence[Sequence[float]]
    ) -> None:
        super().__init__()
        self.members = len(coefficients)
        self.temperature = policy.temperature
        self._policy = (policy,)  # in a tuple, so that it is no submodule
        self._experts = [{k.removeprefix("model."): w for k, w in e.items() if k.startswith("model.")} for e in experts]
        self._coefficients = torch.tensor(coefficients, dtype=torch.float64)

    def forward(self, rollout: Rollout) -> PolicyOutput:
        raise TypeError("souped policies are not re-scored: they are for evaluation")

    def reference_log_probs(self, rollout: Rollout) -> Tensor:
        return self._policy[0].reference_log_probs(rollout)

    @contextmanager
    def playing(self) -> Iterator[Any]:
        with self._policy[0].playing() as model, soups_in(model, self._experts, self._coefficients) as souped:
            yield souped


def distinct_prompts(rollout: Rollout) -> tuple[PromptTokens, Tensor]:
    """Each prompt of a rollout once, and which of them each row has ``[B]``."""
    ids, copies = torch.unique(rollout["id"], return_inverse=True)
    first = torch.zeros_like(ids).scatter_(0, copies, torch.arange(len(copies), device=copies.device))
    return PromptTokens(rollout["prompt_tokens"], rollout["prompt_mask"])[first].trimmed(), copies
