"""Sampling against transformers' own greedy decoding, and against the probabilities it should follow."""

from __future__ import annotations

import torch

from rsoup_lightning.modalities.language.reading import completion_logits
from rsoup_lightning.modalities.language.sampling import gumbel, sample_completions
from rsoup_lightning.modalities.prompt_tokens import PromptTokens
from rsoup_lightning.modalities.tokens import token_log_probs
from tests.modalities.language.test_reading import PROMPTS, padded
from tests.modalities.language.tiny import llama

SETTINGS = {"limit": 9, "ends": [1], "padding": 0}


def one_prompt(rows: int) -> PromptTokens:
    return PromptTokens(torch.tensor([[5, 9]]).repeat(rows, 1), torch.ones(rows, 2, dtype=torch.bool))


def generators(*seeds: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def test_greedy_tokens_are_those_of_generate() -> None:
    model, prompts = llama(), padded(PROMPTS)
    ends = [1, int(sample_completions(model, prompts, **SETTINGS).tokens[0, 3])]  # so that one completion ends early
    ours = sample_completions(model, prompts, limit=9, ends=ends, padding=0)
    for row, prompt in enumerate(PROMPTS):
        plain = model.generate(torch.tensor([prompt]), max_new_tokens=9, do_sample=False, eos_token_id=ends)
        assert ours.tokens[row][ours.mask[row]].tolist() == plain[0, len(prompt) :].tolist()


def test_log_probs_are_those_of_re_scoring_at_the_same_temperature() -> None:
    model, copies = llama(), torch.tensor([0, 0, 1, 2])
    torch.manual_seed(0)
    ours = sample_completions(model, padded(PROMPTS), copies, temperature=0.7, noise=gumbel(), **SETTINGS)
    logits, _ = completion_logits(model, padded(PROMPTS), copies, ours.tokens)
    expected = token_log_probs(logits, ours.tokens, 0.7)
    assert torch.allclose(ours.log_probs[ours.mask], expected[ours.mask], atol=1e-4)
    assert not ours.log_probs[~ours.mask].any()


def test_samples_follow_the_model() -> None:
    model, rows = llama(), 20_000
    torch.manual_seed(0)
    ours = sample_completions(model, one_prompt(rows), limit=1, ends=[1], padding=0, noise=gumbel())
    expected = torch.softmax(model(torch.tensor([[5, 9]])).logits[0, -1], -1)
    seen = torch.bincount(ours.tokens[:, 0], minlength=258) / rows
    likely = expected > 0.01
    assert likely.sum() > 3
    assert ((seen - expected).abs() < 5 * (expected * (1 - expected) / rows).sqrt())[likely].all()


def test_rows_that_share_noise_and_weights_share_their_samples() -> None:
    ours = sample_completions(llama(), one_prompt(6), noise=gumbel(generators(3, 4, 5)), **SETTINGS)
    assert torch.equal(ours.tokens[:3], ours.tokens[3:])
    assert not torch.equal(ours.tokens[0], ours.tokens[1])


def test_noise_of_a_row_depends_on_its_generator_alone() -> None:
    together = sample_completions(llama(), one_prompt(3), noise=gumbel(generators(3, 4, 5)), **SETTINGS)
    for row, seed in enumerate((3, 4, 5)):
        alone = sample_completions(llama(), one_prompt(1), noise=gumbel(generators(seed)), **SETTINGS)
        assert torch.equal(alone.tokens[0][alone.mask[0]], together.tokens[row][together.mask[row]])


def test_nothing_counts_after_the_end() -> None:
    torch.manual_seed(1)
    ends = list(range(0, 258, 5))  # of which one comes soon
    ours = sample_completions(llama(), one_prompt(32), limit=20, ends=ends, padding=0, noise=gumbel())
    counts = ours.mask.sum(1)
    assert ours.tokens.shape[1] < 20 and counts.min() < counts.max()
    for tokens, mask in zip(ours.tokens, ours.mask, strict=True):
        kept = tokens[mask].tolist()
        assert kept[-1] in ends and not set(kept[:-1]) & set(ends)
        assert not tokens[~mask].any()
