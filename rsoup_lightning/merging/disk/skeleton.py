"""What only the class of a stored model tells: which layers are stored fan-in first, which names are one tensor, which
tensors have a row per token, and what a stored tensor is called in the model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from rsoup_lightning.errors import MergeError
from rsoup_lightning.files import read_object
from rsoup_lightning.optional import need

CONFIG = "config.json"


@dataclass(frozen=True)
class Skeleton:
    """A model without its weights.

    Attributes:
        fan_in_first: modules whose weight is stored as ``[in, out]``: those of transformers' class ``Conv1D``.
        tied: groups of names that stand for one parameter, as of input and output embeddings.
    """

    fan_in_first: frozenset[str]
    tied: tuple[frozenset[str], ...]


def skeleton(folder: Path) -> Skeleton:
    """The model that ``folder/config.json`` describes, built by transformers without memory for its weights.

    Raises:
        MergeError: there is no such file, or transformers cannot build it; says why.
    """
    model = _built(folder)
    if model is None:  # of diffusers, whose models have neither
        return Skeleton(frozenset(), ())
    names: dict[int, set[str]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        names.setdefault(id(parameter), set()).add(name)
    conv1d = need("transformers", "transformers", "text").pytorch_utils.Conv1D
    return Skeleton(
        frozenset(name for name, module in model.named_modules() if isinstance(module, conv1d)),
        tuple(frozenset(group) for group in names.values() if len(group) > 1),
    )


def token_dimensions(folder: Path, stored: Iterable[str]) -> list[dict[str, int]]:
    """Of each tensor that grows with the vocabulary: its names, where it is tied, each with the dimension that grows.

    Args:
        folder: of a model.
        stored: names of tensors in its files, those that are returned; where none of them is a tensor that grows, its
            names in the model are.

    Raises:
        MergeError: as :func:`skeleton`.
    """
    model, larger = _built(folder), _built(folder, more_tokens=1)
    if model is None or larger is None:
        return []
    kept = _model_names(model, stored)
    grown: dict[int, dict[str, int]] = {}
    after = larger.state_dict(keep_vars=True)
    for name, tensor in model.state_dict(keep_vars=True).items():
        sides = zip(tensor.shape, after[name].shape, strict=True)
        names = [file_name for file_name, own in kept.items() if own == name] or [name]
        for dimension in (index for index, (before, now) in enumerate(sides) if now == before + 1):
            grown.setdefault(id(tensor), {}).update(dict.fromkeys(names, dimension))
    return list(grown.values())


def model_names(folder: Path, stored: Iterable[str]) -> dict[str, str]:
    """What tensors in the files of a model are called in the model, by their names in the files.

    Some models are stored as they were before they got a head, as GPT-2 is, or by the names of an older class, as Gemma
    3 is: ``language_model.model.norm.weight`` for ``model.language_model.norm.weight``.

    Raises:
        MergeError: as :func:`skeleton`.
    """
    model = _built(folder)
    return dict(zip(stored, stored, strict=True)) if model is None else _model_names(model, stored)


def _model_names(model: Any, stored: Iterable[str]) -> dict[str, str]:
    """Tensors that are put together from several keep their names."""
    conversion = need("transformers.conversion_mapping", "transformers", "text")
    loading = need("transformers.core_model_loading", "transformers", "text")
    rules = conversion.get_model_conversion_mapping(model)
    renamings = [rule for rule in rules if isinstance(rule, loading.WeightRenaming)]
    own = model.state_dict()
    return {name: loading.rename_source_key(name, renamings, [], model.base_model_prefix, own)[0] for name in stored}


def _built(folder: Path, more_tokens: int = 0) -> Any:
    """The model without its weights, maybe with a larger vocabulary than it has; None for one of diffusers."""
    file = folder / CONFIG
    try:
        described = read_object(file)
        if "_class_name" in described:
            return None
        transformers = need("transformers", "transformers", "text")
        with _silent(transformers), torch.device("meta"):
            load = transformers.AutoConfig.from_pretrained
            config = load(folder, local_files_only=True, trust_remote_code=False)
            config.get_text_config().vocab_size += more_tokens
            return getattr(transformers, described["architectures"][0])(config)
    except Exception as error:  # a damaged or foreign configuration fails in as many ways as there are classes
        reason = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
        raise MergeError(
            f"no class of transformers can be built from {file} ({reason}); name the base as a folder with the "
            "configuration it was trained under"
        ) from error


@contextmanager
def _silent(transformers: ModuleType) -> Iterator[None]:
    """Without remarks on settings that concern no weight."""
    logging = transformers.utils.logging
    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(before)
