"""Rows that come and go: each writes what it would write alone, under merged weights."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from random import Random
from typing import Any

import pytest
import torch
from transformers import BloomConfig, BloomForCausalLM, Gemma2Config, Gemma2ForCausalLM, MambaConfig, MambaForCausalLM

from rsoup_lightning import Soup
from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.language.policy import LanguagePolicy
from rsoup_lightning.modalities.language.running import RunningTexts
from rsoup_lightning.modalities.language.text_row import TextRequest
from rsoup_lightning.modalities.lora import LoRA
from tests.modalities.language.test_playing import PROMPTS, environment, soup, whole
from tests.modalities.language.test_policy import stirred
from tests.modalities.language.tiny import gpt2, llama, tokenizer

SIZES: dict[str, Any] = {"vocab_size": 258, "pad_token_id": 0, "bos_token_id": None, "eos_token_id": 1}


def gemma2() -> Any:
    """Every other layer looks back 6 tokens only."""
    torch.manual_seed(0)
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "num_hidden_layers": 2}
    sizes = {"hidden_size": 32, "intermediate_size": 48, "max_position_embeddings": 128, "initializer_range": 0.3}
    return Gemma2ForCausalLM(Gemma2Config(sliding_window=6, **heads, **sizes, **SIZES)).eval()


def bloom() -> Any:
    """Knows positions by the distance between tokens alone."""
    torch.manual_seed(0)
    return BloomForCausalLM(BloomConfig(hidden_size=32, n_layer=2, n_head=4, initializer_range=0.3, **SIZES)).eval()


def tokens(text: str) -> list[int]:
    return list(tokenizer()(text)["input_ids"])


def written(batch: RunningTexts, requests: Sequence[TextRequest], order: Random | None = None) -> list[str]:
    """The answers, their rows joining when chance lets them, and at once without it."""
    answers, names, waiting = [""] * len(requests), dict[int, int](), list(range(len(requests)))
    while waiting or batch:
        while waiting and batch.fits(requests[waiting[0]]) and (order is None or order.random() < 0.4):
            row = waiting.pop(0)
            names[batch.join(requests[row])] = row
        for name, piece in batch.step():
            answers[names[name]] += piece.text
    return answers


def requests_of(count: int, **settings: Any) -> list[TextRequest]:
    """Prompts, λ, lengths and temperatures of all kinds."""
    chance, made = Random(0), []
    for number in range(count):
        share = number / (count - 1)
        prompt = tokens(PROMPTS[number % len(PROMPTS)])
        own = {"temperature": chance.choice([0.0, 0.7, 1.0]), "top_p": chance.choice([0.5, 1.0]), **settings}
        made.append(TextRequest(prompt, (share, 1 - share), chance.randint(1, 30), seed=number, **own))
    return made


@pytest.mark.parametrize("limits", [{}, {"slice_tokens": 3}, {"max_rows": 3, "max_tokens": 160}], ids=str)
def test_a_row_writes_what_it_writes_alone(limits: dict[str, int]) -> None:
    made, asked = soup(), requests_of(16)
    alone = [written(made.running(), [request])[0] for request in asked]
    assert len(set(alone)) > 12, "answers of different λ and seeds are told apart"
    for seed in range(3):
        assert written(made.running(**limits), asked, Random(seed)) == alone


def test_whole_weights_write_one_lambda_after_another() -> None:
    made, asked = soup(whole), requests_of(5)
    assert written(made.running(), asked) == [written(made.running(), [request])[0] for request in asked]


@pytest.mark.parametrize("greedy", [True, False])
def test_the_same_seed_gives_what_generate_gives(greedy: bool) -> None:
    made = soup().at([{"first": row / 5, "second": 1 - row / 5} for row in range(len(PROMPTS))])
    answers = [""] * len(PROMPTS)
    for row, piece in made.stream(PROMPTS, seed=range(len(PROMPTS)), greedy=greedy, max_rows=4, slice_tokens=5):
        answers[row] += piece.text
    assert answers == made.generate(PROMPTS, seed=range(len(PROMPTS)), greedy=greedy)


def merged(model: Any, experts: Sequence[LanguagePolicy], coefficients: Sequence[float]) -> Any:
    """``model`` with the dense average of the experts' updates."""
    whole = deepcopy(model)
    for share, expert in zip(coefficients, experts, strict=True):
        for name, layer in expert.model.get_base_model().named_modules():
            if "default" in getattr(layer, "lora_A", {}):
                target = whole.get_submodule(name)
                update = layer.get_delta_weight("default").detach() * share
                target.weight.data += update.reshape(target.weight.shape)
    return whole


@pytest.mark.parametrize(
    ("make", "targets"),
    [(llama, ("q_proj", "v_proj")), (gemma2, ("q_proj", "v_proj")), (bloom, ("query_key_value",))],
)
def test_sixteen_lambda_against_sixteen_merged_models(make: Any, targets: tuple[str, ...]) -> None:
    base, lora = make(), LoRA(rank=2, targets=targets)
    experts = [stirred(LanguagePolicy(deepcopy(base), lora), seed) for seed in (3, 4)]
    weights = {name: dict(each.weights()) for name, each in zip(("first", "second"), experts, strict=True)}
    made = Soup(LanguagePolicy(deepcopy(base), lora), weights, environment())
    points = [(row / 15, 1 - row / 15) for row in range(16)]
    asked = [TextRequest(tokens(PROMPTS[row % 6]), point, 20, 0.0, top_logprobs=0) for row, point in enumerate(points)]
    batch = made.running(slice_tokens=40)
    names, scores = [batch.join(request) for request in asked], [[] for _ in asked]  # type: ignore[var-annotated]
    while batch:
        for name, piece in batch.step():
            scores[names.index(name)] += piece.scores
    lengths = set()
    for request, own in zip(asked, scores, strict=True):
        model, prompt = merged(base, experts, request.coefficients), torch.tensor([request.prompt])
        told = {"do_sample": False, "max_new_tokens": 20, "attention_mask": torch.ones_like(prompt)}
        answer = model.generate(prompt, **told)[0, prompt.shape[1] :]
        answer = answer[answer != 1]
        assert [score.token for score in own] == answer.tolist()
        logits = model(torch.cat([prompt[0], answer]).unsqueeze(0)).logits[0, prompt.shape[1] - 1 : -1]
        wanted = logits.log_softmax(-1).gather(1, answer.unsqueeze(1)).squeeze(1)
        assert torch.allclose(torch.tensor([score.log_prob for score in own]), wanted, atol=1e-4)
        lengths.add(len(own))
    assert max(lengths) == 20


def test_learnt_positions() -> None:
    """Whole weights of a GPT-2, whose LoRA layers are no linear ones and cannot be mixed by row."""
    made = Soup(LanguagePolicy(gpt2()), {"only": dict(LanguagePolicy(gpt2()).weights())}, environment())
    asked = [TextRequest(tokens(prompt), (1.0,), 12, 0.0) for prompt in PROMPTS]
    assert written(made.running(), asked, Random(1)) == made.at().generate(PROMPTS, greedy=True, max_new_tokens=12)


def test_joining_while_another_answer_is_written() -> None:
    batch = soup().running()
    first = batch.join(TextRequest(tokens("the cat"), (1.0, 0.0), 100, 0.0))
    for _ in range(10):
        assert {name for name, _ in batch.step()} <= {first}
    second = batch.join(TextRequest(tokens("a dog"), (0.0, 1.0), 5, 0.0))
    assert second in {name for _ in range(2) for name, _ in batch.step()}


def test_a_long_prompt_is_read_in_slices_beside_the_others() -> None:
    batch = soup().running(slice_tokens=4)
    first = batch.join(TextRequest(tokens("a"), (1.0, 0.0), 60, 0.0))
    batch.step()
    long = batch.join(TextRequest(tokens("the big red dog sat"), (0.0, 1.0), 5, 0.0))  # 19 tokens: 5 slices
    names = [{name for name, _ in batch.step()} for _ in range(5)]
    assert names == [{first}] * 4 + [{first, long}]


def test_a_row_that_leaves_is_gone_at_the_next_step() -> None:
    batch = soup().running(slice_tokens=4)
    stays, leaves = (batch.join(TextRequest(tokens("a"), point, 30, 0.0)) for point in ((1.0, 0.0), (0.0, 1.0)))
    alone = written(soup().running(), [TextRequest(tokens("a"), (1.0, 0.0), 30, 0.0)])[0]
    answer = "".join(piece.text for name, piece in batch.step() if name == stays)
    batch.leave(leaves)
    reads = batch.join(TextRequest(tokens("the big red dog"), (0.5, 0.5), 30, 0.0))
    waits = batch.join(TextRequest(tokens("the big red dog"), (0.2, 0.8), 30, 0.0))
    assert len(batch) == 3 and batch.points == {(1.0, 0.0), (0.5, 0.5), (0.2, 0.8)}
    answer += "".join(piece.text for _, piece in batch.step())
    batch.leave(reads), batch.leave(waits), batch.leave(waits)
    while batch:
        for name, piece in batch.step():
            assert name == stays
            answer += piece.text
    assert answer == alone


def test_memory_is_bounded() -> None:
    """Rows times the longest of them, however they come and go."""
    batch, held = soup().running(max_rows=8, max_tokens=200), 0
    asked = [TextRequest(tokens("a" * (1 + 7 * row % 40)), (1.0, 0.0), 1 + 11 * row % 50, 0.0) for row in range(40)]
    waiting = list(asked)
    while waiting or batch:
        while waiting and batch.fits(waiting[0]):
            batch.join(waiting.pop(0))
        batch.step()
        kept = [tensor for layer in batch._answers.layers for tensor in layer.tensors]  # type: ignore[union-attr]
        held = max([held, *(tensor.shape[0] * tensor.shape[2] for tensor in kept)])
    assert 100 < held <= 200
    assert not batch._answers.layers, "without rows, nothing is held"


def test_stop_texts_lengths_and_end_tokens() -> None:
    made = soup().running()
    request = TextRequest(tokens("the cat"), (1.0, 0.0), 30, 0.0)
    answer = written(made, [request])[0]
    middle = answer[5:8]
    cut = TextRequest(request.prompt, request.coefficients, 30, 0.0, stop=["zzz", middle])
    batch = soup().running()
    batch.join(cut)
    pieces = []
    while batch:
        pieces += [piece for _, piece in batch.step()]
    assert "".join(piece.text for piece in pieces) == answer[: answer.index(middle)]
    assert [piece.finish_reason for piece in pieces if piece.finish_reason] == ["stop"]
    batch.join(TextRequest(request.prompt, request.coefficients, 3, 0.0))
    last = [piece for _ in range(3) for _, piece in batch.step()][-1]
    assert last.finish_reason == "length" and last.tokens == 3


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (TextRequest([], (1.0, 0.0), 5), "the prompt is empty"),
        (TextRequest([5], (1.0, 0.0), 0), "max_new_tokens is 0: it must be at least 1"),
        (TextRequest([5] * 60, (1.0, 0.0), 5), "the prompt has 60 tokens, and the model reads 64 of which 5 are the"),
        (TextRequest([5] * 30, (1.0, 0.0), 20), "may have 49 tokens, and max_tokens gives memory for 40"),
    ],
)
def test_requests_that_can_never_be_answered(request_: TextRequest, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        soup().running(max_tokens=40).check(request_)


def test_limits_and_models_that_cannot_run() -> None:
    with pytest.raises(ConfigError, match="max_rows is 0: it must be at least 1"):
        soup().running(max_rows=0)
    config = MambaConfig(vocab_size=258, hidden_size=32, num_hidden_layers=1, eos_token_id=1)
    policy = LanguagePolicy(MambaForCausalLM(config), LoRA(rank=2, targets=("in_proj",)))
    with pytest.raises(ConfigError, match="mamba"):
        Soup(policy, {"only": dict(policy.weights())}, environment()).running()
