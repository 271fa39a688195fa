"""Rollouts that an engine sampled, scored again by the policy."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.language.base import load_base
from rsoup_lightning.modalities.language.environment import TextEnvironment
from rsoup_lightning.modalities.language.policy import LanguagePolicy
from rsoup_lightning.modalities.language.sampler import Sampler
from rsoup_lightning.modalities.language.sampling import Completions
from rsoup_lightning.modalities.lora import LoRA
from rsoup_lightning.modalities.prompt_tokens import PromptTokens
from rsoup_lightning.rollout import Rollout
from tests.modalities.language.tiny import Sentences, saved

TOKENS = torch.tensor([[70, 71, 72], [73, 74, 1], [75, 1, 0], [76, 77, 78]])
MASK = torch.tensor([[1, 1, 1], [1, 1, 1], [1, 1, 0], [1, 1, 1]]) > 0


class Off(Sampler):
    """Says the same always, and that it was so many nats more likely than the policy says."""

    def __init__(self, off: float, most_importance: float) -> None:
        self.off, self.most_importance = off, most_importance
        self.before: Tensor | None = None

    def sample(
        self, policy: LanguagePolicy, prompts: PromptTokens, copies: Tensor, *, limit: int, ends: Sequence[int]
    ) -> Completions:
        assert copies.tolist() == [0, 0, 1, 1] and limit == 3 and 1 in ends
        context = {"prompt_tokens": prompts.tokens[copies], "prompt_mask": prompts.mask[copies], "id": copies}
        drawn = Rollout(torch.zeros(4, 3), MASK, {"tokens": TOKENS}, context=context)
        self.before = policy(drawn).log_probs.detach() * MASK
        return Completions(TOKENS, self.before + self.off, MASK)

    def close(self) -> None: ...


def rolled_out(folder: Path, sampler: Off) -> Rollout:
    model, tokenizer = load_base(saved(folder / "base"), "float32")
    environment = TextEnvironment.of(
        model, tokenizer, Sentences(), max_new_tokens=3, batch_size=2, batches_per_epoch=1, sampler=sampler
    )
    environment.begin(0)
    return environment.rollout(LanguagePolicy(model, LoRA(4)), 0, completions=2)


@pytest.mark.parametrize(("off", "most", "expected"), [(0.2, 2.0, 0.818731), (-0.4, 2.0, 1.491825), (-0.4, 1.25, 1.25)])
def test_tokens_count_by_the_ratio_of_likelihoods_up_to_a_limit(
    off: float, most: float, expected: float, tmp_path: Path
) -> None:
    sampler = Off(off, most)
    rollout = rolled_out(tmp_path, sampler)
    assert torch.allclose(rollout["importance"][MASK], torch.tensor(expected), atol=1e-4)
    assert sampler.before is not None and torch.allclose(rollout.log_probs, sampler.before, atol=1e-4)
    assert rollout["tokens"].equal(TOKENS) and rollout.mask.equal(MASK)
    assert rollout["base_log_probs"][MASK].sub(rollout.log_probs[MASK]).abs().max() < 1e-4  # of a fresh adapter


@pytest.mark.parametrize("off", [0.6, -0.6, float("nan")])
def test_an_engine_that_plays_something_else_is_told(off: float, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nats per token from the policy's: the engine plays another base model"):
        rolled_out(tmp_path, Off(off, 2.0))
