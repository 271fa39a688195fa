"""What the benchmarks of language models measure: a model, what it is asked, and where it computes."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rsoup_lightning.modalities.data import Entry, PromptData, Split
from rsoup_lightning.modalities.language.packaged_model import SMOLLM2, packaged_model

TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj"]
WORDS_OF_A_PROMPT, PROMPTS = 12, 400
SHAPES: dict[str, dict[str, int]] = {
    "tiny": {"vocab_size": 512, "hidden_size": 64, "intermediate_size": 128, "layers": 2, "heads": 4, "key_heads": 2},
    "135M": {
        "vocab_size": 49152,
        "hidden_size": 576,
        "intermediate_size": 1536,
        "layers": 30,
        "heads": 9,
        "key_heads": 3,
    },
    "1B": {
        "vocab_size": 128256,
        "hidden_size": 2048,
        "intermediate_size": 8192,
        "layers": 16,
        "heads": 32,
        "key_heads": 8,
    },
}


@dataclass(frozen=True)
class Case:
    """One language model and the size of what is asked of it.

    Attributes:
        base: the packaged model, or a folder that :func:`write_model` wrote.
        device: cpu or cuda.
        prompts: in a training step, and of each λ in a sweep.
        completions: of each prompt in a training step.
        tokens: of each completion.
        clients: that ask a server at once.
    """

    base: str = SMOLLM2
    device: str = "cpu"
    prompts: int = 4
    completions: int = 4
    tokens: int = 16
    clients: int = 16

    @property
    def name(self) -> str:
        """To print."""
        return Path(self.base).name

    @property
    def folder(self) -> str:
        """That transformers loads."""
        return str(packaged_model(self.base) or self.base)

    def questions(self) -> list[str]:
        """Beginnings of movie reviews; made up where the model is."""
        if self.base == SMOLLM2:
            from tasks.review.data import ReviewBeginnings

            data = ReviewBeginnings(words=WORDS_OF_A_PROMPT)
            return [entry.question for entry in data.entries("train")[:PROMPTS]]
        draw = random.Random(0)
        least = min(shape["vocab_size"] for shape in SHAPES.values())
        return [" ".join(_word(draw.randrange(2, least)) for _ in range(WORDS_OF_A_PROMPT)) for _ in range(PROMPTS)]

    def data(self) -> PromptData:
        """The same for a fine-tuner."""
        return _Questions(self.questions())

    def dumps(self) -> str:
        """As an argument of a command."""
        return json.dumps(asdict(self))

    @classmethod
    def loads(cls, text: str) -> Case:
        """What :meth:`dumps` wrote."""
        return cls(**json.loads(text))


class _Questions(PromptData):
    def __init__(self, questions: Sequence[str]) -> None:
        self._questions = questions

    def entries(self, split: Split) -> Sequence[Entry]:
        return [Entry(question) for question in self._questions]


def write_model(folder: Path, shape: str) -> str:
    """A Llama of random weights in bfloat16, and a tokenizer of made-up words.

    Args:
        folder: where; made anew.
        shape: its name in ``SHAPES``.

    Returns:
        ``folder``.
    """
    import torch
    import transformers
    from tokenizers import Tokenizer, models, pre_tokenizers

    sizes = dict(SHAPES[shape])
    vocabulary = {"<pad>": 0, "<end>": 1, **{_word(number): number for number in range(2, sizes["vocab_size"])}}
    inner = Tokenizer(models.WordLevel(vocabulary, unk_token="<pad>"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer: Any = transformers.PreTrainedTokenizerFast(
        tokenizer_object=inner, eos_token="<end>", pad_token="<pad>", unk_token="<pad>"
    )
    tokenizer.save_pretrained(folder)
    config = transformers.LlamaConfig(
        num_hidden_layers=sizes.pop("layers"),
        num_attention_heads=sizes.pop("heads"),
        num_key_value_heads=sizes.pop("key_heads"),
        tie_word_embeddings=True,
        pad_token_id=0,
        eos_token_id=1,
        bos_token_id=None,
        dtype=torch.bfloat16,
        **sizes,
    )
    torch.manual_seed(0)
    transformers.AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16).save_pretrained(folder)
    return str(folder)


def _word(number: int) -> str:
    return f"w{number}"
