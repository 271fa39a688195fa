"""METEOR (Lavie and Agarwal 2007): words matched by form, by stem and by meaning, and in how many chunks they lie."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import cache, lru_cache
from itertools import pairwise
from typing import Any

from rsoup_lightning.captions.caption import Caption, References
from rsoup_lightning.errors import ConfigError
from rsoup_lightning.optional import need

_ALPHA, _BETA, _GAMMA = 0.9, 3.0, 0.5  # precision against recall; shape and weight of the penalty
_WORDS = 1 << 16  # whose stems or synonyms are kept

Synonyms = Callable[[str], Collection[str]]


def meteor(candidate: Caption, references: References, synonyms: Synonyms | None = None) -> float:
    """METEOR of one caption, from 0 to 1, the largest over its references. An empty caption scores 0.

    Equal to nltk's with the same stages. As there, words are matched one by one from the caption's end, each to the
    last free place in the reference: not always the alignment with the fewest chunks, which the paper asks for.

    Args:
        candidate: the caption.
        references: of its image.
        synonyms: other words for a word, for a third stage after equal words and equal stems; see
            :func:`wordnet_synonyms`.

    Raises:
        ConfigError: nltk, whose Porter stemmer is used, is not installed.
    """
    return max(_against(candidate.words, reference.words, synonyms) for reference in references.captions)


def wordnet_synonyms() -> Synonyms:
    """For a word, the single words that share a synset of WordNet with it.

    Raises:
        ConfigError: nltk or the data of WordNet is not installed.
    """
    wordnet = need("nltk.corpus", "nltk", "vision").wordnet
    try:
        wordnet.ensure_loaded()
    except LookupError:
        raise ConfigError(
            "METEOR's synonyms need the data of WordNet: python -m nltk.downloader wordnet, or do without synonyms"
        ) from None

    @lru_cache(_WORDS)
    def synonyms(word: str) -> frozenset[str]:
        names = (lemma.name() for synset in wordnet.synsets(word) for lemma in synset.lemmas())
        return frozenset(name for name in names if "_" not in name)

    return synonyms


def _against(candidate: tuple[str, ...], reference: tuple[str, ...], synonyms: Synonyms | None) -> float:
    pairs = sorted(_align(candidate, reference, synonyms))
    if not pairs:
        return 0.0
    precision, recall = len(pairs) / len(candidate), len(pairs) / len(reference)
    mean = precision * recall / (_ALPHA * precision + (1 - _ALPHA) * recall)
    joints = sum(b[0] == a[0] + 1 and b[1] == a[1] + 1 for a, b in pairwise(pairs))
    return mean * (1 - _GAMMA * ((len(pairs) - joints) / len(pairs)) ** _BETA)


def _align(candidate: tuple[str, ...], reference: tuple[str, ...], synonyms: Synonyms | None) -> list[tuple[int, int]]:
    """Places in the candidate and in the reference of words that match, stage by stage."""
    ours, theirs = dict(enumerate(candidate)), dict(enumerate(reference))
    pairs = _match(ours, theirs, lambda word: (word,))
    if ours and theirs:
        ours, theirs = ({place: _stem(word) for place, word in words.items()} for words in (ours, theirs))
        pairs += _match(ours, theirs, lambda word: (word,))
    if synonyms and ours and theirs:
        # Of stems, as nltk does; the paper looks up the words.
        pairs += _match(ours, theirs, lambda word: {word, *synonyms(word)})
    return pairs


def _match(
    candidate: dict[int, str], reference: dict[int, str], forms: Callable[[str], Collection[str]]
) -> list[tuple[int, int]]:
    """Take matching words out of both; ``forms`` are the words of the reference that a word matches."""
    free: dict[str, list[int]] = {}
    for place, word in reference.items():
        free.setdefault(word, []).append(place)
    pairs = []
    for place, word in reversed(list(candidate.items())):
        if places := [free[form] for form in forms(word) if free.get(form)]:
            last = max(places, key=lambda stack: stack[-1]).pop()
            pairs.append((place, last))
            del candidate[place], reference[last]
    return pairs


@lru_cache(_WORDS)
def _stem(word: str) -> str:
    return _stemmer().stem(word)


@cache
def _stemmer() -> Any:
    return need("nltk.stem.porter", "nltk", "vision").PorterStemmer()
