"""Classifiers and tokenizers of transformers, by hub name or folder; precision and end tokens of models that write."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.folding import brought, fold, source, stored
from rsoup_lightning.modalities.loading import load_pretrained
from rsoup_lightning.optional import need

Precision = Literal["auto", "float32", "bfloat16"]


def load_classifier(loader: Callable[..., Any], name: str, kind: str, dtype: torch.dtype = torch.float32) -> Any:
    """A classifier of transformers, frozen.

    Args:
        loader: a ``from_pretrained`` of a class of classifiers.
        name: a hub name or folder, of a whole model or of an adapter of PEFT, which is folded into its base.
        kind: what it is, with its article: "an image classifier".
        dtype: of its weights, whatever they were saved in.

    Raises:
        ConfigError: it cannot be loaded, or holds a model that was trained for something else.
    """
    noun = kind.split(maxsplit=1)[1]
    origin = source(name, noun)
    options = {"output_loading_info": True, "trust_remote_code": False, "dtype": dtype}
    model, report = origin.load_base(loader, noun, **options)
    tensors = {key: tensor for adapter in origin.adapters for key, tensor in brought(adapter).items()}
    heads = [len(tensors[key]) for key in report["missing_keys"] if key in tensors]
    if heads and min(heads) != model.config.num_labels:  # only what was trained with it knows how many classes it has
        model, report = origin.load_base(loader, noun, num_labels=min(heads), **options)
    random = sorted(set(report["missing_keys"]) - tensors.keys())
    if random:
        raise ConfigError(
            f"{name} was not trained as {kind}: it has no weights for {', '.join(random[:3])}, which would be random"
        )
    for adapter in origin.adapters:
        model = fold(model, adapter)
    return model.eval().requires_grad_(False)


def load_tokenizer(name: str) -> Any:
    """The tokenizer of a hub name or folder; that of the base where an adapter brings none.

    Raises:
        ConfigError: it cannot be loaded, or knows no words.
    """
    transformers = need("transformers", "transformers", "text")
    origin = source(name, "tokenizer")
    owners = [each for each in reversed(origin.adapters) if stored(each, "tokenizer_config.json", "tokenizer")]
    name = (owners or [origin.base])[0]
    tokenizer = load_pretrained(transformers.AutoTokenizer.from_pretrained, name, "tokenizer", trust_remote_code=False)
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


def end_tokens(model: Any, tokenizer: Any) -> list[int]:
    """The tokens that end what a model writes: those at which transformers' ``generate`` stops, and the tokenizer's.

    Chat models end a turn with another token than a document: their generation configuration lists both.

    Args:
        model: of transformers, one that writes.
        tokenizer: its tokenizer.

    Raises:
        ConfigError: there is none, or the generation configuration holds something else than tokens' numbers.
    """
    given = model.generation_config.eos_token_id
    ends = [*(given if isinstance(given, list | tuple) else [given]), tokenizer.eos_token_id]
    ends = [end for end in dict.fromkeys(ends) if end is not None]
    if not ends:
        raise ConfigError(
            "neither tokenizer nor generation configuration has an end token: set the tokenizer's eos_token and save it"
        )
    if not all(isinstance(end, int) for end in ends):
        raise ConfigError(
            f"generation_config.json has the eos_token_id {given!r}: it must be a token's number, or a list of them"
        )
    return ends


def fitting(precision: Precision, *, whole: bool) -> Precision:
    """The precision of a base's weights, where adapters are trained on it, or ``whole`` weights.

    Raises:
        ConfigError: bfloat16 of weights that are trained: small steps are rounded away in it.
    """
    if whole and precision == "bfloat16":
        raise ConfigError(
            "precision bfloat16 is for frozen weights, and without lora they are trained, where small steps would be "
            "rounded away: leave it out; to compute in bfloat16 set trainer.precision to bf16-mixed"
        )
    return "float32" if whole else precision


def compute_dtype(precision: Precision) -> torch.dtype:
    """Of weights: auto is bfloat16 where the device computes in it and does not emulate it, else float32."""
    if precision != "auto":
        return {"float32": torch.float32, "bfloat16": torch.bfloat16}[precision]
    fast = torch.cuda.is_bf16_supported() if torch.cuda.is_available() else torch.cpu._is_avx512_bf16_supported()
    return torch.bfloat16 if fast else torch.float32
