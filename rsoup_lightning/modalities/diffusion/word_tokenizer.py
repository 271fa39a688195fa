"""A tokenizer of whole words, made from the prompts at hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rsoup_lightning.optional import need

PADDING, START, END, UNKNOWN = "<pad>", "<start>", "<end>", "<unknown>"


def word_tokenizer(prompts: Sequence[str]) -> Any:
    """A ``PreTrainedTokenizerFast`` with one token per word of ``prompts``, of any case, and per punctuation mark.

    Rows are framed by a start and an end token; ``model_max_length`` is that of the longest prompt.
    """
    tokenizers = need("tokenizers", "tokenizers", "text")
    normalizer = tokenizers.normalizers.Sequence([tokenizers.normalizers.NFKC(), tokenizers.normalizers.Lowercase()])
    cutter = tokenizers.pre_tokenizers.Whitespace()
    rows = [[word for word, _ in cutter.pre_tokenize_str(normalizer.normalize_str(prompt))] for prompt in prompts]
    words = [PADDING, START, END, UNKNOWN, *sorted({word for row in rows for word in row})]
    inner = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({word: number for number, word in enumerate(words)}, unk_token=UNKNOWN)
    )
    inner.normalizer, inner.pre_tokenizer = normalizer, cutter
    frame = {"single": f"{START} $A {END}", "special_tokens": [(START, words.index(START)), (END, words.index(END))]}
    inner.post_processor = tokenizers.processors.TemplateProcessing(**frame)
    return need("transformers", "transformers", "text").PreTrainedTokenizerFast(
        tokenizer_object=inner,
        pad_token=PADDING,
        bos_token=START,
        eos_token=END,
        unk_token=UNKNOWN,
        model_max_length=max(len(row) for row in rows) + 2,
    )
