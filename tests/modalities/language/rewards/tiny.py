"""Classifiers of transformers with random weights and a vocabulary of a few words, saved to folders."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch

WORDS = ["a", "the", "film", "was", "good", "bad", "why", "so", "very", "?", "."]
SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[END]"]
SIZES = {"vocab_size": len(WORDS) + len(SPECIALS), "pad_token_id": 0}


def tokenizer(*, pairs: bool = True, **tokens: Any) -> Any:
    """A tokenizer of whole words.

    Args:
        pairs: join two segments as BERT does; else no special tokens are added.
        tokens: which special tokens it knows it has, and other options.
    """
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = {word: index for index, word in enumerate(SPECIALS + WORDS)}
    words = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    if pairs:
        words.post_processor = _framed("[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1")
    return PreTrainedTokenizerFast(tokenizer_object=words, unk_token="[UNK]", **tokens)


def _framed(single: str, pair: str | None = None) -> Any:
    from tokenizers.processors import TemplateProcessing

    return TemplateProcessing(single, pair, [(token, number) for number, token in enumerate(SPECIALS)])


def save(folder: Path, model: Any, tokenizer: Any) -> str:
    """Save both; the path to load them from. Weights are large, so that texts differ clearly."""
    dice = torch.Generator().manual_seed(0)
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=1.0, generator=dice)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def bert(folder: Path, labels: int = 3, **options: Any) -> str:
    from transformers import BertConfig, BertForSequenceClassification

    config = BertConfig(**_encoder(), num_labels=labels, **options)
    return save(folder, BertForSequenceClassification(config), tokenizer(pad_token="[PAD]"))


def roberta(folder: Path) -> str:
    from transformers import RobertaConfig, RobertaForSequenceClassification

    model = RobertaForSequenceClassification(RobertaConfig(**{**_encoder(), "pad_token_id": 1}))
    return save(folder, model, tokenizer(pad_token="[UNK]"))


def bart(folder: Path) -> str:
    from transformers import BartConfig, BartForSequenceClassification

    sides = {
        f"{side}_{size}": 2 for side in ("encoder", "decoder") for size in ("layers", "attention_heads", "ffn_dim")
    }
    ends = {"eos_token_id": 4, "bos_token_id": 4, "decoder_start_token_id": 4, "forced_eos_token_id": None}
    config = BartConfig(**SIZES, **sides, **ends, d_model=16, max_position_embeddings=32, num_labels=1)
    words = tokenizer(pad_token="[PAD]", eos_token="[END]", pairs=False)
    words.backend_tokenizer.post_processor = _framed("$A [END]")
    words.model_input_names = ["input_ids", "attention_mask"]
    return save(folder, BartForSequenceClassification(config), words)


def gpt2(folder: Path, tokens: Mapping[str, Any] = MappingProxyType({}), **options: Any) -> str:
    """A causal classifier.

    Args:
        folder: where to.
        tokens: which special tokens its tokenizer knows it has, and other options of that.
        options: of its configuration.
    """
    from transformers import GPT2Config, GPT2ForSequenceClassification

    sizes = {"vocab_size": SIZES["vocab_size"], "n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 32}
    settings = {"num_labels": 1, "eos_token_id": 4, "bos_token_id": 4, **options}
    model = GPT2ForSequenceClassification(GPT2Config(**sizes, **settings))
    return save(folder, model, tokenizer(pairs=False, **tokens))


def llama(folder: Path, tokens: Mapping[str, Any] = MappingProxyType({}), **options: Any) -> str:
    """As :func:`gpt2`."""
    from transformers import LlamaConfig, LlamaForSequenceClassification

    settings = {**_encoder(), "pad_token_id": None, "eos_token_id": 4, "num_labels": 1, **options}
    return save(folder, LlamaForSequenceClassification(LlamaConfig(**settings)), tokenizer(pairs=False, **tokens))


def _encoder() -> dict[str, int]:
    heads = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16}
    return {**SIZES, **heads, "max_position_embeddings": 16}
