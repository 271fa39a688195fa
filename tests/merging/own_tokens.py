"""Tiny models of transformers, each with a tokenizer of its own beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

transformers = pytest.importorskip("transformers")
tokenizers = pytest.importorskip("tokenizers")

WORDS = ["<pad>", "<end>", "<unk>", "sun", "moon", "star", "rain"]
LLAMA: dict[str, Any] = {"hidden_size": 24, "intermediate_size": 36, "num_hidden_layers": 1, "num_attention_heads": 2}
FAMILIES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "untied": ("LlamaForCausalLM", "LlamaConfig", LLAMA),
    "tied": ("LlamaForCausalLM", "LlamaConfig", {**LLAMA, "tie_word_embeddings": True}),
    "gpt2": ("GPT2LMHeadModel", "GPT2Config", {"n_embd": 24, "n_layer": 1, "n_head": 2, "n_positions": 16}),
    "biases": ("BertForMaskedLM", "BertConfig", {**LLAMA, "max_position_embeddings": 16}),
    "encoder and decoder": (
        "BartForConditionalGeneration",
        "BartConfig",
        {"d_model": 24, "encoder_layers": 1, "decoder_layers": 1, "encoder_ffn_dim": 36, "decoder_ffn_dim": 36}
        | {"encoder_attention_heads": 2, "decoder_attention_heads": 2, "max_position_embeddings": 16}
        | {"forced_eos_token_id": 1, "decoder_start_token_id": 1},
    ),
}


def tokenizer(added: Sequence[str], words: Sequence[str] = WORDS) -> Any:
    """Of words between spaces, with ``added`` ones."""
    inner = tokenizers.Tokenizer(tokenizers.models.WordLevel({word: i for i, word in enumerate(words)}, "<unk>"))
    inner.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    made = transformers.PreTrainedTokenizerFast(
        tokenizer_object=inner, pad_token="<pad>", eos_token="<end>", unk_token="<unk>"
    )
    made.add_tokens(list(added))
    return made


def expert(
    folder: Path, added: Sequence[str], *, seed: int = 0, family: str = "untied", rows: int | None = None, **saving: Any
) -> Path:
    """A model in ``folder``, all its parameters drawn by ``seed``, with ``rows`` for tokens (default: as many)."""
    words = tokenizer(added)
    name, config, sizes = FAMILIES[family]
    described = getattr(transformers, config)(
        vocab_size=rows or len(words), pad_token_id=0, bos_token_id=1, eos_token_id=1, **sizes
    )
    model = getattr(transformers, name)(described)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for tensor in model.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(torch.randn(tensor.shape, generator=generator) / 2)
    model.save_pretrained(folder, **saving)
    words.save_pretrained(folder)
    return folder


def load(folder: Path) -> tuple[Any, Any]:
    """The model in ``folder`` and its tokenizer, as transformers reads them."""
    config = transformers.AutoConfig.from_pretrained(folder)
    model = getattr(transformers, config.architectures[0]).from_pretrained(folder).eval()
    return model, transformers.AutoTokenizer.from_pretrained(folder)


def by_token(folder: Path, numbers: dict[str, int], size: int, instead: Sequence[Path] = ()) -> dict[str, torch.Tensor]:
    """A model's tensors with its rows at ``numbers``, moved by transformers and a loop over tokens.

    A token that it lacks has the mean of the rows of those of ``instead`` that have it.
    """
    model, words = load(folder)
    own = words.get_vocab()
    resized = model.resize_token_embeddings(size, mean_resizing=False)
    assert resized.num_embeddings == size
    before, after = load(folder)[0].state_dict(), {name: t.clone() for name, t in model.state_dict().items()}
    givers = [(load(other)[0].state_dict(), load(other)[1].get_vocab()) for other in instead]
    for name, tensor in after.items():
        if tensor.shape == before[name].shape and len(words) not in tensor.shape:
            continue
        side = next(i for i in range(tensor.dim()) if tensor.shape[i] == size)
        for token, number in numbers.items():
            if token in own:
                row = before[name].select(side, own[token])
            else:
                row = torch.stack([state[name].select(side, ids[token]) for state, ids in givers if token in ids]).mean(
                    0
                )
            tensor.select(side, number).copy_(row)
    return after
