"""Classifiers and tokenizers of transformers, by hub name or folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.loading import load
from rsoup_lightning.optional import need


def load_classifier(loader: Callable[..., Any], name: str, kind: str, dtype: torch.dtype = torch.float32) -> Any:
    """A classifier of transformers, frozen.

    Args:
        loader: a ``from_pretrained`` of a class of classifiers.
        name: as in :func:`load`.
        kind: what it is, with its article: "an image classifier".
        dtype: of its weights, whatever they were saved in.

    Raises:
        ConfigError: it cannot be loaded, or holds a model that was trained for something else.
    """
    noun = kind.split(maxsplit=1)[1]
    model, report = load(loader, name, noun, output_loading_info=True, trust_remote_code=False, dtype=dtype)
    if report["missing_keys"]:
        raise ConfigError(
            f"{name} was not trained as {kind}: it has no weights for "
            f"{', '.join(sorted(report['missing_keys'])[:3])}, which would be random"
        )
    return model.eval().requires_grad_(False)


def load_tokenizer(name: str) -> Any:
    """The tokenizer of a hub name or folder.

    Raises:
        ConfigError: it cannot be loaded, or knows no words.
    """
    transformers = need("transformers", "transformers", "text")
    tokenizer = load(transformers.AutoTokenizer.from_pretrained, name, "tokenizer", trust_remote_code=False)
    # Where its files are absent, transformers makes one of little more than special tokens, and does not say so.
    if len(tokenizer) < len(tokenizer.all_special_tokens) + 5:
        raise ConfigError(f"{name} holds no tokenizer: save the one the model was trained with beside it")
    return tokenizer


def check_tokens(tokens: Sequence[int], tokenizer: Any, vocabulary: int | None) -> None:
    """Require that a model has an embedding for each of ``tokens``.

    Args:
        tokens: of one text.
        tokenizer: whose they are.
        vocabulary: how many tokens have an embedding; None: any.

    Raises:
        ConfigError: it has none for one of them; names it, and what to do.
    """
    highest = max(tokens, default=0)
    if vocabulary is not None and highest >= vocabulary:
        raise ConfigError(
            f"the tokenizer writes {tokenizer.convert_ids_to_tokens(highest)!r} as {highest}, and the model has "
            f"embeddings for 0 to {vocabulary - 1} only: save the tokenizer it was trained with beside it, or enlarge "
            "it with resize_token_embeddings and train it"
        )


def describe_classes(config: Any) -> str:
    """The classes of a classifier's configuration, for people."""
    return ", ".join(f"{number} {label}" for number, label in sorted(config.id2label.items())[:12])
