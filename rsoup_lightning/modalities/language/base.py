"""The pre-trained model under a policy: any causal language model of transformers, and its tokenizer."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from rsoup_lightning.files import user_path
from rsoup_lightning.modalities.cache import cached_folder
from rsoup_lightning.modalities.folding import CONFIG, Source, fold, source, stored
from rsoup_lightning.modalities.loading import load_pretrained, quiet_transformers
from rsoup_lightning.modalities.pretrained import Precision, compute_dtype, load_tokenizer
from rsoup_lightning.optional import need

KIND = "causal language model"

logger = logging.getLogger(__name__)


def load_base(name: str, precision: Precision) -> tuple[Any, Any]:
    """A causal language model and its tokenizer.

    Args:
        name: a hub name or folder, of a whole model or of an adapter of PEFT, or the name of a packaged model. An
            adapter is folded into its base once, in the cache folder (RSOUP_CACHE): what is trained next is an adapter
            of the two together, and names that folder as its base.
        precision: of its weights; auto takes bfloat16 where the device computes in it, else float32.

    Raises:
        ConfigError: it cannot be loaded; says how to name a folder instead.
        OutputError: the cache cannot be written.
    """
    from rsoup_lightning.modalities.language.packaged_model import packaged_model  # which can be run by itself

    loader = need("transformers", "transformers", "text").AutoModelForCausalLM.from_pretrained
    path, dtype = str(packaged_model(name) or name), compute_dtype(precision)
    with quiet_transformers():
        origin = source(path, KIND)
        if origin.adapters:
            path = str(_folded(loader, path, origin, dtype))
        return load_pretrained(loader, path, KIND, dtype=dtype), load_tokenizer(path)


def _folded(loader: Callable[..., Any], name: str, origin: Source, dtype: torch.dtype) -> Path:
    """The folder, in the cache, of a model whose adapters are folded into its base."""

    def make(folder: Path) -> None:
        logger.info("folding %s into %s, once", " and ".join(origin.adapters), origin.base)
        model = origin.load_base(loader, KIND, dtype=dtype)
        for adapter in origin.adapters:
            model = fold(model, adapter)
        model.save_pretrained(folder)
        load_tokenizer(name).save_pretrained(folder)

    places = [(origin.base, "config.json"), *((adapter, CONFIG) for adapter in origin.adapters)]
    return cached_folder("folded", {"dtype": str(dtype), "of": [_state(*place) for place in places]}, make)


def _state(name: str, file: str) -> list[Any]:
    """What tells apart the states in which a hub name or folder may be."""
    path = stored(name, file, KIND)
    if path is None:
        return [name]
    if not user_path(name).is_dir():
        return [str(path)]  # in the hub's cache, whose folders are named by their commit
    files = [
        each for each in sorted(path.parent.iterdir()) if each.suffix in (".json", ".safetensors", ".bin", ".model")
    ]
    stats = [(each.name, each.stat().st_size, each.stat().st_mtime_ns) for each in files]
    return [str(path.parent.resolve()), stats]
