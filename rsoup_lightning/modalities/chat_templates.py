"""Chat templates: what a model reads of a conversation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rsoup_lightning.errors import ConfigError


def templated(owner: Any, messages: Sequence[Mapping[str, Any]], where: str, cure: str = "Mend it") -> str:
    """What the chat template of a tokenizer or a processor makes of messages, up to where the answer begins.

    Args:
        owner: of transformers, has the template.
        messages: each with a ``role`` and ``content``.
        where: of errors: whose template fails, and on what.
        cure: likewise.

    Raises:
        ConfigError: the template fails.
    """
    try:
        return str(owner.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))
    except Exception as error:  # a template may raise anything, and the cure is the same
        raise ConfigError(f"{where}: {error} ({type(error).__name__}). {cure}") from error
