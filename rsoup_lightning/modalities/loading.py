"""Models and tokenizers by hub name or folder, with errors that say what to do."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.optional import need

T = TypeVar("T")


def load(loader: Callable[..., T], name: str, kind: str, **options: Any) -> T:
    """What ``loader`` makes of a hub name or folder.

    Args:
        loader: a ``from_pretrained`` of transformers.
        name: a hub name such as ``org/model``, or the path of a folder.
        kind: what it is, for the error: "tokenizer".
        options: keyword arguments of the loader.

    Raises:
        ConfigError: it cannot be loaded; says why, and what to give instead.
    """
    folder = Path(name).expanduser()
    if not folder.is_dir() and (name.startswith(("/", ".", "~")) or name.count("/") > 1):
        raise ConfigError(f"there is no folder {name} to load the {kind} from")
    offline = not folder.is_dir() and _hub_is_out_of_reach()
    if offline:
        options["local_files_only"] = True
    try:
        return loader(str(folder) if folder.is_dir() else name, **options)
    except Exception as error:  # of whichever package reads the files, or speaks to the hub
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        if folder.is_dir():
            raise ConfigError(f"the folder {name} holds no {kind} that can be loaded: {reason}") from error
        if offline:
            reason = "the hub cannot be reached, and no whole copy was downloaded before"
        raise ConfigError(
            f"cannot load the {kind} {name!r}: {reason}. "
            "Without the hub, give the path of a folder with the model instead"
        ) from error


def load_classifier(loader: Callable[..., Any], name: str, kind: str) -> Any:
    """A classifier of transformers, frozen.

    Args:
        loader: a ``from_pretrained`` of a class of classifiers.
        name: as in :func:`load`.
        kind: what it is, with its article: "an image classifier".

    Raises:
        ConfigError: it cannot be loaded, or holds a model that was trained for something else.
    """
    noun = kind.split(maxsplit=1)[1]
    model, report = load(loader, name, noun, output_loading_info=True, trust_remote_code=False)
    if report["missing_keys"]:
        raise ConfigError(
            f"{name} was not trained as {kind}: it has no weights for "
            f"{', '.join(sorted(report['missing_keys'])[:3])}, which would be random"
        )
    return model.eval().requires_grad_(False)


def load_tokenizer(name: str) -> Any:
    """The tokenizer of a hub name or folder; it pads, with its end token where it has no other.

    Raises:
        ConfigError: it cannot be loaded, knows no words, or has neither a padding nor an end token.
    """
    transformers = need("transformers", "transformers", "text")
    tokenizer = load(transformers.AutoTokenizer.from_pretrained, name, "tokenizer", trust_remote_code=False)
    # Where its files are absent, transformers makes one of little more than special tokens, and does not say so.
    if len(tokenizer) < len(tokenizer.all_special_tokens) + 5:
        raise ConfigError(f"{name} holds no tokenizer: save the one the model was trained with beside it")
    if tokenizer.pad_token is None:
        if tokenizer.eos_token is None:
            raise ConfigError(f"the tokenizer of {name} has no padding token: set its pad_token and save it again")
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def _hub_is_out_of_reach() -> bool:
    """True where the hub's name cannot be resolved: transformers would retry most of a minute for each file."""
    if getproxies().keys() & {"https", "all"}:  # the proxy resolves it
        return False
    hub = urlsplit(os.environ.get("HF_ENDPOINT") or "https://huggingface.co")
    try:
        socket.getaddrinfo(hub.hostname, hub.port or 443)
    except OSError:
        return True
    return False
