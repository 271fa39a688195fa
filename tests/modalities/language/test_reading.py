"""Log-probabilities against the model run plainly, text by text."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from rsoup_lightning.modalities.language.reading import completion_logits
from rsoup_lightning.modalities.prompt_tokens import PromptTokens
from rsoup_lightning.modalities.tokens import token_log_probs
from tests.modalities.language.tiny import gpt2, llama

PROMPTS = [[5, 9, 200, 7], [30], [11, 12]]
COMPLETIONS = [[4, 5, 6], [7, 8, 1], [90, 91, 92], [250, 3, 4], [6, 6, 6], [17, 18, 19]]
COPIES = [0, 0, 1, 1, 2, 2]


def padded(prompts: list[list[int]]) -> PromptTokens:
    width = max(map(len, prompts)) + 1  # one column that pads them all
    tokens = torch.tensor([[0] * (width - len(prompt)) + prompt for prompt in prompts])
    mask = torch.tensor([[False] * (width - len(prompt)) + [True] * len(prompt) for prompt in prompts])
    return PromptTokens(tokens, mask)


def plain(model: Any, prompt: list[int], completion: list[int]) -> torch.Tensor:
    """``[T]`` by one run over one text, without padding or cache."""
    logits = model(torch.tensor([prompt + completion]), use_cache=False).logits[0].float()
    rows = torch.arange(len(prompt) - 1, len(prompt) + len(completion) - 1)
    return torch.log_softmax(logits, -1)[rows, torch.tensor(completion)]


@pytest.mark.parametrize("model", [llama(), gpt2(), llama(num_key_value_heads=4, tie_word_embeddings=True)])
def test_equal_to_the_model_run_plainly(model: Any) -> None:
    tokens = torch.tensor(COMPLETIONS)
    logits, _ = completion_logits(model, padded(PROMPTS), torch.tensor(COPIES), tokens)
    expected = torch.stack([plain(model, PROMPTS[c], t) for c, t in zip(COPIES, COMPLETIONS, strict=True)])
    assert torch.allclose(token_log_probs(logits, tokens), expected, atol=1e-5)


def test_gradients_are_those_of_the_model_run_plainly() -> None:
    model, tokens = llama(), torch.tensor(COMPLETIONS)
    logits, _ = completion_logits(model, padded(PROMPTS), torch.tensor(COPIES), tokens)
    token_log_probs(logits, tokens).sum().backward()
    ours = {name: parameter.grad.clone() for name, parameter in model.named_parameters() if parameter.grad is not None}
    model.zero_grad()
    sum(plain(model, PROMPTS[c], t).sum() for c, t in zip(COPIES, COMPLETIONS, strict=True)).backward()  # type: ignore
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None
        assert torch.allclose(ours[name], parameter.grad, atol=1e-4 * float(parameter.grad.abs().max())), name


def test_hidden_states_are_those_behind_the_logits() -> None:
    model, tokens = llama(), torch.tensor(COMPLETIONS)
    logits, hidden = completion_logits(model, padded(PROMPTS), torch.tensor(COPIES), tokens, hidden=True)
    assert hidden is not None
    assert torch.allclose(model.lm_head(hidden), logits, atol=1e-5)


def test_completions_of_one_token() -> None:
    model, tokens = llama(), torch.tensor([[4], [5], [6]])
    logits, hidden = completion_logits(model, padded(PROMPTS), torch.arange(3), tokens, hidden=True)
    assert logits.shape == (3, 1, 258) and hidden is not None and hidden.shape == (3, 1, 32)


def test_temperature_divides_the_logits() -> None:
    logits, tokens = torch.randn(2, 3, 5), torch.zeros(2, 3, dtype=torch.long)
    assert torch.allclose(token_log_probs(logits, tokens, 2.0), torch.log_softmax(logits / 2, -1)[..., 0])


def test_columns_that_pad_every_prompt_go() -> None:
    assert padded(PROMPTS)[torch.tensor([2, 1])].trimmed().tokens.tolist() == [[11, 12], [0, 30]]
