"""Experts whose logits are mixed at each token, against a slow loop without caches."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from random import Random
from typing import Any

import pytest
import torch
from torch import Tensor

from rsoup_lightning.mixture import Mixture
from rsoup_lightning.modalities.language.policy import LanguagePolicy
from rsoup_lightning.modalities.language.reading import Reader
from rsoup_lightning.modalities.language.running import RunningTexts
from rsoup_lightning.modalities.lora import LoRA
from rsoup_lightning.modalities.prompt_tokens import PromptTokens
from rsoup_lightning.policy import Policy
from rsoup_lightning.simplex import Coefficients
from tests.modalities.language.test_policy import environment, stirred
from tests.modalities.language.test_running import gemma2, requests_of, written
from tests.modalities.language.tiny import Sentences, gpt2, llama, tokenizer

POINTS = [(1.0, 0.0), (0.0, 1.0), (0.3, 0.7)]
ENTRIES = torch.arange(5)


def made(model: Any, lora: LoRA | None = None) -> tuple[LanguagePolicy, list[dict[str, Tensor]]]:
    """A policy, and two experts of it."""
    policy = LanguagePolicy(model, lora)
    start = dict(deepcopy(policy.weights()))
    experts = [dict(deepcopy(stirred(policy, seed).weights())) for seed in (1, 2)]
    policy.load_weights(start)
    return policy, experts


def alone(policy: LanguagePolicy, expert: dict[str, Tensor]) -> LanguagePolicy:
    copied = deepcopy(policy)
    copied.load_weights(expert)
    return copied


def slowly(models: Sequence[Any], point: Sequence[float], prompt: list[int], limit: int) -> list[int]:
    """The likeliest token each time: Σ λ log p, renormalised, of the whole text read anew by each model."""
    text = list(prompt)
    while len(text) < len(prompt) + limit:
        with torch.no_grad():
            logits = [model(torch.tensor([text]), use_cache=False).logits[0, -1] for model in models]
        mixed = sum(share * each.log_softmax(-1) for share, each in zip(point, logits, strict=True))
        text.append(int(torch.as_tensor(mixed).log_softmax(-1).argmax()))
        if text[-1] == 1:
            break
    return text[len(prompt) :]


@pytest.mark.parametrize("model", [llama, gpt2, gemma2])
@pytest.mark.parametrize("lora", [None, LoRA(rank=2, targets=None)], ids=["whole", "lora"])
def test_greedy_texts_are_those_of_a_slow_loop(model: Any, lora: LoRA | None) -> None:
    policy, experts = made(model(), lora)
    models = [alone(policy, expert).model.eval() for expert in experts]
    place = environment(max_new_tokens=12)
    entries = Sentences().entries("eval")
    ensembles = policy.ensembles(experts)
    assert ensembles is not None
    texts = place._answers(ensembles([point for point in POINTS for _ in entries]), [*entries] * 3, None, 12)
    expected = [
        tokenizer().decode(
            slowly(models, point, list(place.asking.tokens(entry.question)), 12), skip_special_tokens=True
        )
        for point in POINTS
        for entry in entries
    ]
    assert texts == expected
    assert texts[:5] != texts[5:10], "experts are told apart"


@pytest.mark.parametrize("lora", [None, LoRA(rank=2)], ids=["whole", "lora"])
def test_one_hot_coefficients_are_that_expert_to_the_last_bit(lora: LoRA | None) -> None:
    policy, experts = made(llama(), lora)
    ensembles = policy.ensembles(experts)
    assert ensembles is not None
    for expert, point in zip(experts, POINTS[:2], strict=True):
        played = environment().evaluate(ensembles([point]), ENTRIES)
        expected = environment().evaluate(alone(policy, expert), ENTRIES)
        assert torch.equal(played["tokens"], expected["tokens"])
        assert torch.equal(played.log_probs, expected.log_probs)


def test_log_probs_are_of_the_mixed_distribution_and_members_in_order() -> None:
    policy, experts = made(llama(), LoRA(rank=2))
    ensembles = policy.ensembles(experts)
    assert ensembles is not None
    played = environment().evaluate(ensembles(POINTS), ENTRIES)
    assert played["id"].tolist() == ENTRIES.tolist() * 3
    own = [alone(policy, expert).model.eval() for expert in experts]
    for row in range(len(played)):
        prompt = played["prompt_tokens"][row][played["prompt_mask"][row]]
        tokens = played["tokens"][row][played.mask[row]]
        text = torch.cat([prompt, tokens])[None]
        with torch.no_grad():
            each = [model(text, use_cache=False).logits[0, len(prompt) - 1 : -1].log_softmax(-1) for model in own]
        mixed = sum(share * scores for share, scores in zip(POINTS[row // 5], each, strict=True))
        expected = torch.as_tensor(mixed).log_softmax(-1).gather(-1, tokens[:, None]).squeeze(-1)
        assert torch.allclose(played.log_probs[row][: len(tokens)], expected, atol=1e-4)
    with torch.no_grad():
        assert torch.equal(
            policy.model.eval()(text).logits, LanguagePolicy(llama(), LoRA(rank=2)).model.eval()(text).logits
        )


def test_completions_of_one_prompt_share_its_reading() -> None:
    policy, experts = made(llama(), LoRA(rank=2))
    ensembles = policy.ensembles(experts)
    assert ensembles is not None
    prompts, copies, tokens = (
        PromptTokens.of([[5, 9, 4], [7]], 0),
        torch.tensor([0, 0, 1, 1]),
        torch.tensor([[3], [8]] * 2),
    )
    with torch.no_grad(), ensembles([POINTS[2]]).playing() as model:  # type: ignore[operator, union-attr]
        together = Reader(model, prompts, copies)
        apart = Reader(model, prompts[copies])
        assert torch.allclose(together.logits, apart.logits, atol=1e-5)
        assert torch.allclose(together.read(tokens)[0], apart.read(tokens)[0], atol=1e-5)


class Outputs:
    """Experts whose outputs are mixed, as a mixture."""

    experts, side_by_side = ("first", "second"), True

    def __init__(self, policy: LanguagePolicy, experts: list[dict[str, Tensor]]) -> None:
        self._ensembles = policy.ensembles(experts)

    def mixed(self, points: Sequence[Coefficients]) -> Policy:
        assert self._ensembles is not None
        return self._ensembles(points)


def test_rows_that_come_and_go_write_what_they_write_alone() -> None:
    mixture: Mixture = Outputs(*made(llama(), LoRA(rank=2)))
    place = environment()
    requests = requests_of(8)

    def batch() -> RunningTexts:
        return place.running(mixture, max_rows=3, slice_tokens=4)

    assert written(batch(), requests, Random(1)) == [written(batch(), [request])[0] for request in requests]


def test_nothing_is_saved_by_drawing_who_writes_a_token() -> None:
    policy, experts = made(llama(), LoRA(rank=2))
    assert policy.ensembles(experts, drawn=True) is None
