"""Chat templates: what a model reads of a conversation."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from rsoup_lightning.errors import ConfigError, UnknownNameError

ITS_OWN = {"messages", "add_generation_prompt"}
MARKS = re.compile(r"\{%-?\s*(end)?generation\s*-?%\}")
"""Tags that only transformers knows, around answers."""


def templated(
    owner: Any,
    messages: Sequence[Mapping[str, Any]],
    where: str,
    cure: str = "Mend it",
    settings: Mapping[str, Any] | None = None,
) -> str:
    """What the chat template of a tokenizer or a processor makes of messages, up to where the answer begins.

    Args:
        owner: of transformers, has the template.
        messages: each with a ``role`` and ``content``.
        where: of errors: whose template fails, and on what.
        cure: likewise.
        settings: variables of the template, as ``enable_thinking``.

    Raises:
        ConfigError: the template fails.
    """
    try:
        return str(owner.apply_chat_template(messages, tokenize=False, add_generation_prompt=True, **(settings or {})))
    except Exception as error:  # a template may raise anything, and the cure is the same
        raise ConfigError(f"{where}: {error} ({type(error).__name__}). {cure}") from error


def check_variables(template: str | Mapping[str, str], names: Sequence[str]) -> None:
    """Require that a chat template reads the variables it is to be given: a template itself ignores what it does not.

    Args:
        template: in Jinja; or several, by name.
        names: of the variables.

    Raises:
        UnknownNameError: it does not.
        ConfigError: it is no template.
    """
    if not names:
        return
    import jinja2  # which transformers renders them with, and this library needs for nothing else
    from jinja2.meta import find_undeclared_variables

    texts = [template] if isinstance(template, str) else [*template.values()]
    try:
        parsed = [
            jinja2.Environment(extensions=["jinja2.ext.loopcontrols"]).parse(MARKS.sub("", text)) for text in texts
        ]
    except jinja2.TemplateSyntaxError as error:
        raise ConfigError(f"the chat template cannot be read ({error}): mend it") from None
    known = {name for each in parsed for name in find_undeclared_variables(each)} - ITS_OWN
    for name in names:
        if name not in known:
            raise UnknownNameError("variable of the chat template", name, known)
