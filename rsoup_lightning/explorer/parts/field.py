"""A field of a form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from nicegui.element import Element


class Field(Element, component="field.js"):
    """A field with a label, the browser's own.

    Args:
        label: what it is for.
        start: what stands in it.
        entered: called with what was entered.
        kind: what can be entered: one of ``options``, a whole number, or a text.
        options: of a choice.
    """

    def __init__(
        self,
        label: str,
        start: str,
        entered: Callable[[str], None],
        kind: Literal["choice", "number", "text"] = "text",
        options: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self._props |= {"label": label, "start": start, "kind": kind, "options": list(options)}
        self.on("enter", lambda event: entered(str(event.args)))

    def show(self, text: str) -> None:
        """Put another text in it."""
        self.run_method("show", text)
