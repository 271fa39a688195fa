"""Questions on documented Python functions and classes; the answers are the first lines of their docstrings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from rsoup_lightning.modalities.data import Entry
from tasks.qa.documented import documented
from tasks.text.cut import squeeze
from tasks.text.split import SplitData

PACKAGES = (
    *("numpy", "scipy", "matplotlib", "PIL", "torch.nn", "torch.optim", "torch.distributions"),
    *("asyncio", "calendar", "difflib", "email", "inspect", "json", "logging", "shutil", "statistics", "urllib"),
)
"""Where questions come from by default: what every installation of this library brings along."""

WORDS = range(4, 41)
"""Words of a reference: shorter ones only repeat the name, longer ones are no summary."""

_SIGNATURE = re.compile(r"[\w.]+\s*\(.*\)\s*(--|->.*)?", re.DOTALL)
_ROLE = re.compile(r":[\w:+-]+:(?=`)")
_QUOTED = re.compile(r"``[~.]?([^`]+)``|`[~.]?([^`<]+?)(?:\s*<[^`>]*>)?`_*")
_STARRED = re.compile(r"(?<!\w)(\*{1,2})(\w[^*]*)\1(?!\w)")
_NOT_PLAIN = re.compile(r":math:|:param|:returns?:|^Args:|%\(|>>>|\.\. |---|https?:|[{}\\|]|deprecated", re.IGNORECASE)


class FunctionQuestions(SplitData):
    """Asks what a function does or what a class is; the reference is what its docstring says first.

    Args:
        packages: dotted names of packages and modules whose source is read, without running it; null takes about
            17 that are always installed. Which questions there are depends on their versions.
        **sizes: as of SplitData.
    """

    def __init__(self, packages: Sequence[str] | None = None, **sizes: Any) -> None:
        super().__init__(**sizes)
        self.packages = PACKAGES if packages is None else tuple(packages)

    def load(self) -> Iterator[Entry]:
        for package in self.packages:
            for item in documented(package):
                reference = summary(item.docstring)
                if len(reference.split()) in WORDS:
                    ask = f"what is {item.name}?" if item.is_class else f"what does {item.name} do?"
                    yield Entry(f"In Python, {ask}", reference)


def summary(docstring: str) -> str:
    """The first sentence of a docstring as plain text; empty where it is not a plain sentence.

    >>> summary("f(x, /)\\n\\nReturn the *sum* of ``x``, see\\n:func:`~numpy.add`. More.\\n\\nElse.")
    'Return the sum of x, see numpy.add.'
    >>> summary("Computes :math:`x^2`.")
    ''
    """
    paragraphs = (squeeze(part) for part in docstring.split("\n\n") if not _SIGNATURE.fullmatch(part.strip()))
    sentence = re.split(r"(?<=[a-z`)\d]\.)\s+(?=[A-Z])", next(paragraphs, ""), maxsplit=1)[0]
    if not sentence or _NOT_PLAIN.search(sentence):
        return ""
    plain = _STARRED.sub(r"\2", _QUOTED.sub(r"\1\2", _ROLE.sub("", sentence)))
    return plain if plain.endswith((".", "!", "?")) else f"{plain.rstrip(':;,')}."
