"""Models of open_clip by architecture, folder or hub name, with errors that say what to do."""

from __future__ import annotations

from typing import Any

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.files import user_path
from rsoup_lightning.optional import need

FOLDER = "local-dir:"
"""What open_clip wants before the path of a folder."""


def load_open_clip(name: str, weights: str | None, option: str) -> tuple[Any, Any]:
    """A model and its tokenizer.

    Args:
        name: an architecture of open_clip such as ViT-B-32, ``local-dir:FOLDER`` or ``hf-hub:ORG/MODEL``.
        weights: for an architecture: a file with its weights, or one of open_clip's tags, which it downloads.
        option: what the recipe calls the name, for the error.

    Raises:
        ConfigError: it cannot be loaded, or open_clip is not installed.
    """
    open_clip = need("open_clip", "open_clip_torch", "vision")
    if name.startswith(FOLDER):
        name = f"{FOLDER}{user_path(name.removeprefix(FOLDER))}"
    hosted = name.startswith((FOLDER, "hf-hub:"))
    if not hosted and weights is None:
        raise ConfigError(f"{name} needs weights: give a file, or one of open_clip's tags for it")
    if hosted and weights is not None:
        raise ConfigError(f"{name} has weights of its own: leave weights out, or name an architecture")
    if weights and "/" in weights:
        if not user_path(weights).is_file():
            raise ConfigError(f"there is no file {weights} to load the weights of {name} from")
        weights = str(user_path(weights))
    try:
        # required: else open_clip goes on with random weights where a folder has none
        model = open_clip.create_model(name, pretrained=weights, require_pretrained=True)
        tokenizer = open_clip.get_tokenizer(name)
    except Exception as error:  # of whichever package reads the files, or speaks to the hub
        raise ConfigError(
            f"open_clip cannot load {name} with weights {weights}: {error}. Without network, give local-dir:FOLDER as "
            f"{option}, or a file as weights"
        ) from error
    return model, tokenizer
