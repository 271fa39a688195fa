"""Beginnings of texts."""

from __future__ import annotations

import re

_SENTENCE_END = re.compile(r"""(?<=[.!?])["')\]]*\s+(?=["'(\[]*[A-Z0-9£$€])""")


def squeeze(text: str) -> str:
    """On one line, with single spaces.

    >>> squeeze(" a  b\\n\\nc ")
    'a b c'
    """
    return " ".join(text.split())


def first_words(text: str, count: int) -> str:
    """The first ``count`` words, or all if there are fewer.

    >>> first_words("one two  three", 2)
    'one two'
    """
    return " ".join(text.split(maxsplit=count)[:count])


def first_sentences(text: str, words: int) -> str:
    """As many whole sentences as fit into ``words`` words; of a longer first sentence, its beginning.

    >>> first_sentences("It rose by 2.5%. Then it fell! Nobody knows why.", 8)
    'It rose by 2.5%. Then it fell!'
    >>> first_sentences("It rose by 2.5%. Then it fell!", 3)
    'It rose by'
    """
    whole = ""
    for end in [*(match.start() for match in _SENTENCE_END.finditer(text)), len(text)]:
        if len(text[:end].split()) > words:
            break
        whole = text[:end]
    return squeeze(whole) or first_words(text, words)
