"""Words of a caption, the same for training rewards and for evaluation."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache, lru_cache

from rsoup_lightning.captions.treebank import RULES, SPACE, Kind

_PUNCTUATION = {"''", "'", "``", "`", ".", "?", "!", ",", ":", "-", "--", "...", ";"}
_STRAIGHT = {"’": "'", "›": "'", "‘": "`", "‛": "`", "‹": "`", "“": "``", "«": "``", "”": "''", "»": "''"}
_STRAIGHT |= {"\x91": "`", "\x92": "'", "\x93": "``", "\x94": "''"}
_ROUND = {"(": "-lrb-", ")": "-rrb-"}
_NAMED = _ROUND | {"[": "-lsb-", "]": "-rsb-", "{": "-lcb-", "}": "-rcb-", "&amp;": "&", "&lt;": "<", "&gt;": ">"}
_NAMED |= {"¢": "cents", "£": "#", "¤": "$", "€": "$", "₠": "$", "\x80": "$"}
_NAMED |= {"¼": "1/4", "½": "1/2", "¾": "3/4", "⅓": "1/3", "⅔": "2/3"}
_straight, _round = str.maketrans(_STRAIGHT), str.maketrans(_ROUND)
_WRITE: dict[Kind, Callable[[str], str]] = {
    "same": lambda token: token,
    "word": lambda token: token.replace("\xad", "").replace("&amp;", "&") or "-",
    "quotes": lambda token: token.replace("&apos;", "'").translate(_straight),
    "brackets": lambda token: token.translate(_round),
    "named": lambda token: _NAMED.get(token, token),
    "nothing": lambda token: "",
}
_BREAKS = re.compile(r"[\n\r\x0b\x0c\x85\u2028\u2029]")
# Blanks that no rule looks across, but for those that begin with <.
_BETWEEN = re.compile(rf"(?<![\d.){SPACE}]) [{SPACE}]*|(?<=[\d.)]) +(?![\d.A-Z{SPACE}])")
_STRETCHES = 1 << 16  # whose tokens are kept


def tokenise(text: str) -> list[str]:
    """Lower-case tokens without punctuation, those of pycocoevalcap's tokeniser, but without its Java.

    That is Stanford's tokeniser for the Penn Treebank: clitics are words of their own, words joined by hyphens stay
    whole, abbreviations keep their dots, brackets go by name, and what it does not know (emoji, and most of what
    Unicode got after version 6.1) is left out. A few tokens hold blanks, as no-break spaces: a number with its
    fraction, a telephone number.

    Args:
        text: a caption; line breaks are blanks.

    Returns:
        Its tokens, none if it has no word.

    >>> tokenise("A black-and-white cat isn't on the dog's couch, Mr. Smith!")
    ['a', 'black-and-white', 'cat', 'is', "n't", 'on', 'the', 'dog', "'s", 'couch', 'mr.', 'smith']
    """
    text = _BREAKS.sub(" ", text)
    stretches = [text] if "<" in text else _BETWEEN.split(text)
    return [token for stretch in stretches for token in _tokens(stretch)]


@lru_cache(_STRETCHES)
def _tokens(text: str) -> tuple[str, ...]:
    text, place, tokens = text + "\n", 0, []
    while place < len(text):
        longest, stop, write = place, place + 1, _WRITE["nothing"]
        for rule, pattern in _rules():
            if (found := pattern.match(text, place)) and found.end() > longest:
                longest, stop, write = found.end(), found.end(found.lastindex or 0), rule
        token = write(text[place:stop].lower()).replace(" ", "\xa0")
        if token and token not in _PUNCTUATION:
            tokens.append(token)
        place = stop
    return tuple(tokens)


@cache
def _rules() -> list[tuple[Callable[[str], str], re.Pattern[str]]]:
    return [(_WRITE[kind], re.compile(pattern)) for kind, pattern in RULES]
