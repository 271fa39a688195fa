"""How much one request may ask for."""

from __future__ import annotations

from dataclasses import dataclass, fields

from rsoup_lightning.errors import ConfigError


@dataclass(frozen=True)
class Limits:
    """Of every request.

    Args:
        max_body: bytes of a body.
        max_prompt_tokens: tokens of a prompt, template and all; None: as many as the model reads.
        max_choices: answers, to all prompts of a request together.
        timeout: seconds until an answer must be whole.

    Raises:
        ConfigError: one of them is not positive.
    """

    max_body: int = 1 << 20
    max_prompt_tokens: int | None = None
    max_choices: int = 16
    timeout: float = 600.0

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if value is not None and not value > 0:
                raise ConfigError(f"{each.name} is {value}: it must be positive")
