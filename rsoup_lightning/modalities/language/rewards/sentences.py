"""Texts rated sentence by sentence, so that one loud sentence does not pay for the rest."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

_LAST = re.compile(r"""[.!?…]["'”’)\]*]*\s*$""")
_QUOTED = r"""[.!?…]["'”’)\]*]+(?=\s+["'“‘(\[*]*[A-ZÀ-Þ])"""  # He said "Stop!" and left: one sentence
_END = re.compile(rf"([.!?…](?=\s)|{_QUOTED})\s+|[^\S\n]*\n\s*")


def sentences(text: str) -> list[str]:
    """The sentences of a text, which end at a line's end, too; an empty text is one sentence.

    >>> sentences("A fine film. See it!  Now")
    ['A fine film.', 'See it!', 'Now']
    """
    return _END.sub(lambda end: f"{end[1] or ''}\n", text.strip()).split("\n")


def words(text: str) -> list[str]:
    """What stands between spaces and has a letter or a digit: lone punctuation makes no text longer.

    >>> words("Fine - so fine ...")
    ['Fine', 'so', 'fine']
    """
    return [word for word in text.split() if any(map(str.isalnum, word))]


def ends_a_sentence(text: str) -> bool:
    """Whether a text ends as a sentence does, before any closing quotes or brackets.

    >>> ends_a_sentence('She said "yes!"'), ends_a_sentence("She said")
    (True, False)
    """
    return _LAST.search(text) is not None


def is_one_sentence(text: str) -> bool:
    """Whether a text is one sentence, and that one whole.

    >>> is_one_sentence("See it!"), is_one_sentence("See it! Now."), is_one_sentence("See")
    (True, False, False)
    """
    return len(sentences(text)) == 1 and ends_a_sentence(text)


def mean_of_sentences(texts: Sequence[str], rate: Callable[[Sequence[str]], Tensor]) -> Tensor:
    """``[texts]`` mean rating of each text's sentences.

    Args:
        texts: to be rated.
        rate: gives one number for each of several sentences.
    """
    parts = [sentences(text) for text in texts]
    ratings = rate([sentence for part in parts for sentence in part])
    return torch.stack([rated.mean() for rated in ratings.split([len(part) for part in parts])])
