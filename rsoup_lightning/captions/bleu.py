"""BLEU (Papineni et al. 2002): clipped n-gram precision, with a penalty for captions that are short."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from rsoup_lightning.captions.caption import Caption, References, occurrences

_TINY, _SMALL = 1e-15, 1e-9  # pycocoevalcap's, so that an order without any match gives little, and not nan


class BleuCounts(NamedTuple):
    """What BLEU is made of; counts of several captions add up to those of their corpus.

    Attributes:
        correct: for each order from 1 to 4, the n-grams that are in a reference, each at most as often as there.
        total: for each order, the n-grams of the caption.
        length: words of the caption.
        reference_length: words of the reference whose length is closest, the shorter of two equally close.
    """

    correct: Sequence[float]
    total: Sequence[float]
    length: float
    reference_length: float


def bleu_counts(candidate: Caption, references: References) -> BleuCounts:
    """The counts of one caption."""
    length = len(candidate.words)
    correct, total = [], []
    for order, (counts, known) in enumerate(zip(candidate.ngrams, references.kept(occurrences), strict=True)):
        shared = counts.keys() & known.keys()
        total.append(max(0, length - order))
        unrepeated = len(counts) == total[-1]
        correct.append(len(shared) if unrepeated else sum(min(counts[n], _most(known[n])) for n in shared))
    closest = min((abs(size - length), size) for size in references.kept(_lengths))[1]
    return BleuCounts(correct, total, length, closest)


def bleu_of(counts: BleuCounts) -> list[float]:
    """BLEU-1 to BLEU-4 of the counts of a caption or a corpus, smoothed as pycocoevalcap does."""
    ratio = (counts.length + _TINY) / (counts.reference_length + _SMALL)
    brevity = math.exp(1 - 1 / ratio) if ratio < 1 else 1.0
    product, values = 1.0, []
    for order, (correct, total) in enumerate(zip(counts.correct, counts.total, strict=True), 1):
        product *= (correct + _TINY) / (total + _SMALL)
        values.append(brevity * product ** (1 / order))
    return values


def bleu(candidate: Caption, references: References) -> list[float]:
    """BLEU-1 to BLEU-4 of one caption, each from 0 to 1; equal to pycocoevalcap's score per captions.

    An empty caption scores 0. A caption of fewer than n words has no n-gram, and a BLEU-n that is small, but not 0.

    >>> from rsoup_lightning.captions import prepare, read
    >>> [round(value, 3) for value in bleu(read("a red red car"), prepare(["a red car", "the car is red"]))]
    [0.75, 0.707, 0.0, 0.0]
    """
    return bleu_of(bleu_counts(candidate, references))


def _most(indices: tuple[int, ...]) -> int:
    """How often an n-gram is in the reference that has it most often."""
    return max(map(indices.count, indices))


def _lengths(references: References) -> set[int]:
    return {len(caption.words) for caption in references.captions}
