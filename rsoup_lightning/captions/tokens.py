"""Words of a caption, the same for training rewards and for evaluation."""

from __future__ import annotations

import re

_CURLY = str.maketrans("‘’", "''")
_ABBREVIATIONS = "mr|mrs|ms|dr|st|jr|sr|vs|etc|ave|inc|mt|ft"
_CLITICS = "'(?:s|m|d|re|ve|ll)"
_TOKEN = re.compile(
    rf"""
    (?:[a-z]\.){{2,}}                             # u.s. and p.m.
    | \b(?:{_ABBREVIATIONS})\.
    | \d+(?:[.,:]\d+)+(?![\w-])                   # 3.5 and 1,000 and 5:30
    | \w+(?:[-./]\w+|(?<=[^\W\d])'(?=[^\W\d])\w+)*
    | {_CLITICS}\b                                # after a quotation mark
    | [$%&*+=@~^|\\#£€©]
    """,
    re.VERBOSE,
)
_CLITIC = re.compile(rf"(.+?)(n't|{_CLITICS})")
_SPLIT = {
    "cannot": ["can", "not"],
    "gonna": ["gon", "na"],
    "gotta": ["got", "ta"],
    "wanna": ["wan", "na"],
    "gimme": ["gim", "me"],
    "lemme": ["lem", "me"],
}


def tokenise(text: str) -> list[str]:
    """Lower-case words without punctuation, as the COCO caption evaluation has them, but without its Java.

    An approximation of the tokeniser of the Penn Treebank (Stanford's, as pycocoevalcap runs it): clitics are words of
    their own, words joined by hyphens or slashes stay whole, abbreviations keep their dots. Other than there, brackets
    and runs such as ``?!`` go like all punctuation (the list there means to drop brackets, but spells them in upper
    case after the text was put in lower case), and rare forms differ: signed numbers, a leading apostrophe, fractions
    written as one character.

    Args:
        text: a caption.

    Returns:
        Its words, none if it has no word.

    >>> tokenise("A black-and-white cat isn't on the dog's couch, Mr. Smith!")
    ['a', 'black-and-white', 'cat', 'is', "n't", 'on', 'the', 'dog', "'s", 'couch', 'mr.', 'smith']
    """
    words: list[str] = []
    for token in _TOKEN.findall(text.lower().translate(_CURLY)):
        if clitic := _CLITIC.fullmatch(token):
            words += clitic.groups()
        else:
            words += _SPLIT.get(token, [token])
    return words
