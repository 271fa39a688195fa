"""Log-probabilities against the model run plainly, text by text."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import Gemma2Config, Gemma2ForCausalLM

from rsoup_lightning.modalities.language.reading import Reader, completion_logits
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


BEGINNING = list(range(20, 90))  # long enough that reading it once is worth a call


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many tokens each call of a model reads."""
    counts: list[int] = []
    run = Reader._run

    def counted(reader: Reader, tokens: torch.Tensor, *rest: Any, **more: Any) -> Any:
        counts.append(tokens.numel())
        return run(reader, tokens, *rest, **more)

    monkeypatch.setattr(Reader, "_run", counted)
    return counts


@pytest.mark.parametrize("model", [llama(), gpt2(), llama(num_key_value_heads=4, tie_word_embeddings=True)])
def test_what_prompts_begin_with_is_read_once(model: Any, read: list[int]) -> None:
    prompts, tokens = [BEGINNING + prompt for prompt in PROMPTS], torch.tensor(COMPLETIONS)
    logits, _ = completion_logits(model, padded(prompts), torch.tensor(COPIES), tokens, groups=1)
    assert read == [70, 3 * 4, 6 * 2]
    expected = torch.stack([plain(model, prompts[c], t) for c, t in zip(COPIES, COMPLETIONS, strict=True)])
    assert torch.allclose(token_log_probs(logits, tokens), expected, atol=1e-5)


def test_gradients_flow_through_what_is_read_once(read: list[int]) -> None:
    def gradients(groups: int | None) -> dict[str, torch.Tensor]:
        model = llama()
        prompts, tokens = padded([BEGINNING + prompt for prompt in PROMPTS]), torch.tensor(COMPLETIONS)
        logits, _ = completion_logits(model, prompts, torch.tensor(COPIES), tokens, groups=groups)
        token_log_probs(logits, tokens).sum().backward()
        return {name: each.grad for name, each in model.named_parameters() if each.grad is not None}

    whole, shared = gradients(None), gradients(1)
    assert read[2:] == [70, 3 * 4, 6 * 2]
    for name, expected in whole.items():
        assert torch.allclose(shared[name], expected, atol=1e-4 * float(expected.abs().max())), name


def test_each_group_reads_the_beginning_by_its_own_weights(read: list[int]) -> None:
    model = llama(num_key_value_heads=4)
    prompts, tokens = [BEGINNING + prompt for prompt in PROMPTS] * 2, torch.tensor(COMPLETIONS)
    shared, _ = completion_logits(model, padded(prompts), torch.arange(6), tokens, groups=2)
    assert read == [2 * 70, 6 * 4, 6 * 2]
    expected, _ = completion_logits(model, padded(prompts), torch.arange(6), tokens)
    assert torch.allclose(shared, expected, atol=1e-5)


@pytest.mark.parametrize(
    "prompts",
    [[[*BEGINNING, 5], BEGINNING], [[9, *BEGINNING], [8, *BEGINNING]], [BEGINNING], [[5, 6, 7], [5, 6, 8]]],
)
def test_prompts_with_little_in_common_are_read_whole(prompts: list[list[int]], read: list[int]) -> None:
    completion_logits(
        llama(), padded(prompts), torch.arange(len(prompts)), torch.ones(len(prompts), 1).long(), groups=1
    )
    assert len(read) == 1


def test_windows_are_read_whole(read: list[int]) -> None:
    prompts = padded([BEGINNING + prompt for prompt in PROMPTS])
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8}
    model = Gemma2ForCausalLM(
        Gemma2Config(sliding_window=6, vocab_size=258, hidden_size=32, num_hidden_layers=2, **heads)
    )
    completion_logits(model, prompts, torch.arange(3), torch.tensor([[4], [5], [6]]), groups=1)
    assert len(read) == 1
