"""Prompts are encoded once, as diffusers encodes them."""

from __future__ import annotations

import pytest
import torch

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.diffusion.families import StableDiffusion
from rsoup_lightning.modalities.diffusion.prompts import EncodedPrompts
from tests.modalities.diffusion.tiny import Random


def test_embeddings_are_those_of_the_pipeline() -> None:
    pipeline = Random().load()
    prompts = EncodedPrompts(StableDiffusion(pipeline))
    texts = ["a red square", "a blue square", "a red square"]
    numbers = prompts.numbers(texts)
    assert numbers.tolist() == [1, 2, 1]
    wanted, empty = pipeline.encode_prompt(texts, "cpu", 1, True)
    assert torch.allclose(prompts(numbers)["encoder_hidden_states"], wanted, atol=1e-6)
    assert torch.allclose(prompts(torch.zeros_like(numbers))["encoder_hidden_states"], empty, atol=1e-6)


def test_each_is_encoded_once() -> None:
    pipeline = Random().load()
    prompts = EncodedPrompts(StableDiffusion(pipeline))
    seen: list[int] = []
    pipeline.text_encoder.register_forward_hook(lambda module, args, output: seen.append(len(args[0])))
    assert prompts.numbers(["red", "blue", "red"]).tolist() == [1, 2, 1]
    assert prompts.numbers(["blue", "another"]).tolist() == [2, 3]
    assert seen == [1] * 4  # with the empty one


def test_what_was_used_last_is_kept_and_the_rest_encoded_anew_to_the_same_bits() -> None:
    family = StableDiffusion(Random().load())
    texts = ["red", "blue", "green", "grey"]
    all_kept = EncodedPrompts(family)
    wanted = all_kept(all_kept.numbers(texts))["encoder_hidden_states"]
    each = wanted[0].nbytes
    prompts = EncodedPrompts(family, most_bytes=3 * each)
    numbers = prompts.numbers(texts)
    assert numbers.tolist() == [1, 2, 3, 4] and [*prompts._told] == [2, 3, 4] and prompts._bytes == 3 * each
    assert torch.equal(prompts(numbers)["encoder_hidden_states"], wanted) and [*prompts._told] == [2, 3, 4]
    prompts(numbers[:1])
    assert [*prompts._told] == [3, 4, 1]
    with prompts.forgetting():
        prompts.numbers(["black", "white"])
    assert [*prompts._told] == [1] and prompts._bytes == each and prompts.numbers(["black"]).tolist() == [5]
    narrow = EncodedPrompts(family, most_bytes=1)
    assert torch.equal(narrow(narrow.numbers(texts))["encoder_hidden_states"], wanted) and len(narrow._told) == 1


def test_prompts_in_passing_are_forgotten() -> None:
    pipeline = Random().load()
    prompts = EncodedPrompts(StableDiffusion(pipeline))
    kept = prompts(prompts.numbers(["red"]))["encoder_hidden_states"]
    with prompts.forgetting():
        assert prompts.numbers(["blue", "red"]).tolist() == [2, 1]
    assert len(prompts._numbers) == len(prompts._told) == 2
    assert prompts.numbers(["another", "red"]).tolist() == [2, 1] and torch.equal(
        prompts(torch.tensor([1]))["encoder_hidden_states"], kept
    )


def test_a_prompt_that_fails_has_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline = Random().load()
    prompts = EncodedPrompts(StableDiffusion(pipeline))
    with monkeypatch.context() as patched, pytest.raises(ZeroDivisionError):
        patched.setattr(prompts, "_encode", lambda prompt: 1 / 0)
        prompts.numbers(["red"])
    assert prompts.numbers(["blue", "red"]).tolist() == [1, 2]


def test_an_embedding_does_not_depend_on_what_was_encoded_beside_it() -> None:
    pipeline = Random().load()
    texts = ["a red square", "a blue square", "a green square"]
    together, alone = (EncodedPrompts(StableDiffusion(pipeline)) for _ in range(2))
    expected = together(together.numbers(texts))["encoder_hidden_states"]
    assert all(
        torch.equal(alone(alone.numbers([text]))["encoder_hidden_states"][0], row)
        for text, row in zip(texts, expected, strict=True)
    )


def test_an_embedding_does_not_depend_on_the_precision_of_what_asked_for_it_first() -> None:
    pipeline = Random().load()
    plain, mixed = (EncodedPrompts(StableDiffusion(pipeline)) for _ in range(2))
    expected = plain(plain.numbers(["a red square"]))["encoder_hidden_states"]
    with torch.autocast("cpu", torch.bfloat16):
        numbers = mixed.numbers(["a red square"])
    assert torch.equal(mixed(numbers)["encoder_hidden_states"], expected)


def test_the_encoder_stays_frozen() -> None:
    pipeline = Random().load()
    prompts = EncodedPrompts(StableDiffusion(pipeline)).train()
    assert not prompts(prompts.numbers(["a red square"]))["encoder_hidden_states"].requires_grad
    assert not any(parameter.requires_grad for parameter in prompts.parameters())


def test_tokenizers_that_do_not_fit_the_encoder() -> None:
    pipeline = Random().load()
    words, encoder = pipeline.tokenizer, pipeline.text_encoder
    reads, known = encoder.config.max_position_embeddings, encoder.config.vocab_size
    words.add_special_tokens({"pad_token": "<filler>"})
    with pytest.raises(ConfigError, match=f"writes '<filler>' as {known}, and the model has embeddings for 0 to "):
        EncodedPrompts(StableDiffusion(pipeline)).numbers(["a red square"])
    words.pad_token = None
    with pytest.raises(ConfigError, match="has no padding token: set its pad_token"):
        EncodedPrompts(StableDiffusion(pipeline))
    words.pad_token, words.model_max_length = "<pad>", 10**30
    with pytest.raises(ConfigError, match=f"and its text encoder reads {reads}: set model_max_length to {reads}"):
        EncodedPrompts(StableDiffusion(pipeline))


def test_prompts_that_would_be_cut() -> None:
    pipeline = Random().load()
    prompts, most = EncodedPrompts(StableDiffusion(pipeline)), pipeline.tokenizer.model_max_length
    fitting = " ".join(["red"] * (most - 2))  # with start and end
    prompts.check_lengths(["red", fitting])
    with pytest.raises(ConfigError, match=rf"has {most + 1} tokens with its frame, and the text encoder reads {most}"):
        prompts.check_lengths(["red", fitting + " red"])
