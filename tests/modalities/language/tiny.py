"""Language models small enough to train in a second: the real classes, with random weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from rsoup_lightning.modalities.data import Entry, PromptData, Split
from rsoup_lightning.modalities.language.rewards.texts import Exchange, TextReward

WORDS = ("the", "cat", "dog", "sat", "ran", "on", "a", "mat", "road", "big", "red", "and")
RECIPE = """
task: rsoup_lightning.modalities.language:LanguageFineTuner
model:
  base: {base}
  data: {{class_path: tests.modalities.language.tiny.Sentences}}
  rewards:
    early: {{class_path: tests.modalities.language.tiny.Letters}}
    late: {{class_path: tests.modalities.language.tiny.Letters, init_args: {{first: n, last: z}}}}
  lora: {{rank: 4}}
  precision: float32
  algorithm: {algorithm}
  optimizer: {{class_path: torch.optim.Adam, init_args: {{lr: 0.02}}}}
  kl: {{coefficient: 0.01, target: 3.0}}
  batch_size: 4
  batches_per_epoch: 3
  max_new_tokens: 8
trainer: {{accelerator: cpu, max_epochs: {epochs}}}
soup: {{normalise: 2, grid: 3, shown: 2, films: false, morl: [{{early: 0.5, late: 0.5}}]}}
"""
ALGORITHMS = {
    "ppo": "{class_path: PPO, init_args: {epochs: 2, minibatch_size: 0, discount: 1.0}}",
    "rloo": "{class_path: RLOO, init_args: {completions: 4}}",
    "grpo": "{class_path: GRPO, init_args: {completions: 4, epochs: 2, minibatch_size: 8}}",
}


def tokenizer() -> Any:
    """One token per byte: every text can be written."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: index for index, token in enumerate(["<pad>", "<end>", *alphabet])}
    inner = Tokenizer(models.BPE(vocabulary, merges=[]))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<end>", pad_token="<pad>")


def llama(seed: int = 0, **changes: Any) -> LlamaForCausalLM:
    """Two layers, with large random weights so that its distributions are far from uniform."""
    torch.manual_seed(seed)
    settings = {"num_attention_heads": 4, "num_key_value_heads": 2, "num_hidden_layers": 2, **changes}
    config = LlamaConfig(
        vocab_size=258,
        hidden_size=32,
        intermediate_size=48,
        max_position_embeddings=128,
        initializer_range=0.3,
        pad_token_id=0,
        eos_token_id=1,
        bos_token_id=None,
        **settings,
    )
    return LlamaForCausalLM(config).eval()


def gpt2(seed: int = 0) -> GPT2LMHeadModel:
    """As :func:`llama`, with learnt positions."""
    torch.manual_seed(seed)
    config = GPT2Config(
        vocab_size=258, n_embd=32, n_layer=2, n_head=4, n_positions=128, initializer_range=0.3, eos_token_id=1
    )
    return GPT2LMHeadModel(config).eval()


def saved(folder: Path, model: Any | None = None) -> str:
    """A folder with a model and its tokenizer, as ``from_pretrained`` reads it."""
    (model or llama()).save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return str(folder)


class Sentences(PromptData):
    """Beginnings of sentences of different lengths.

    Args:
        size: how many to train on.
        eval_size: how many to evaluate on.
    """

    def __init__(self, size: int = 12, eval_size: int = 5) -> None:
        self.size, self.eval_size = size, eval_size

    def entries(self, split: Split) -> Sequence[Entry]:
        first, count = {"train": (0, self.size), "dev": (40, 3), "eval": (self.size, self.eval_size)}[split]
        return [Entry(" ".join(WORDS[(i * 5 + j) % 12] for j in range(1 + i % 4))) for i in range(first, first + count)]


class Letters(TextReward):
    """Share of the letters of an answer that lie between two.

    Args:
        first: the lowest letter that counts.
        last: the highest one.
    """

    def __init__(self, first: str = "a", last: str = "m") -> None:
        super().__init__(allow_empty_answers=True)
        self.first, self.last = first, last

    def rate(self, exchanges: Sequence[Exchange]) -> list[float]:
        counts = [sum(self.first <= letter <= self.last for letter in exchange.answer) for exchange in exchanges]
        return [count / max(len(exchange.answer), 1) for count, exchange in zip(counts, exchanges, strict=True)]


def recipe(folder: Path, base: str, algorithm: str = "rloo", epochs: int = 2) -> Path:
    """A file with a small soup of letters on the model in ``base``."""
    file = folder / "tiny.yaml"
    file.write_text(RECIPE.format(base=base, algorithm=ALGORITHMS[algorithm], epochs=epochs))
    return file
