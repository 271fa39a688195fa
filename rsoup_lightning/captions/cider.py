"""CIDEr and CIDEr-D (Vedantam et al. 2015): cosines between the tf-idf vectors of n-grams of captions."""

from __future__ import annotations

import math
from functools import cache

from rsoup_lightning.captions.caption import ORDERS, Caption, References, occurrences
from rsoup_lightning.captions.frequencies import DocumentFrequencies

_SIGMA = 6.0  # words


def cider(candidate: Caption, references: References, frequencies: DocumentFrequencies) -> float:
    """CIDEr of one caption, from 0 to 1 (paper, eq. 2 and 3): the mean cosine over references and n from 1 to 4.

    As in the paper, without the factor of 10 that :func:`cider_d` has; other than there, words are not stemmed.

    Args:
        candidate: the caption; an empty one scores 0.
        references: of its image.
        frequencies: of the n-grams, over many images: all scores are 0 with those of a single one.
    """
    cosines = _cosines(candidate, references, frequencies, clip=False)
    return sum(cosines) / len(cosines)


def cider_d(candidate: Caption, references: References, frequencies: DocumentFrequencies) -> float:
    """CIDEr-D of one caption, from 0 to 10 (paper, eq. 4 and 5).

    The cosines are clipped, so that repeating words does not pay, and multiplied by exp(-Δ² / 2σ²), where Δ is the
    difference of the lengths and σ is 6 words; their mean is multiplied by 10. Words are not stemmed. What
    pycocoevalcap calls CIDEr is this, with the document frequencies of the references at hand; with those, the two
    are equal.

    Args:
        candidate: the caption; an empty one scores 0.
        references: of its image.
        frequencies: of the n-grams, over many images: all scores are 0 with those of a single one.
    """
    cosines = _cosines(candidate, references, frequencies, clip=True)
    length = len(candidate.words)
    lengths = references.kept(_lengths)
    total = sum([cosine * _penalty(length - other) for cosine, other in zip(cosines, lengths, strict=True)])
    return 10 * total / len(cosines)


def _cosines(candidate: Caption, references: References, frequencies: DocumentFrequencies, clip: bool) -> list[float]:
    """With each reference, the mean over n of the cosines between the tf-idf vectors."""
    known, scales = references.kept(occurrences), references.kept(_scales, frequencies)
    cosines = [0.0] * len(references.captions)
    for counts, indices, scale in zip(candidate.ngrams, known, scales, strict=True):
        if indices.keys().isdisjoint(counts):
            break  # nor does anything longer occur
        dots = [0.0] * len(cosines)
        norm = 0.0
        for (ngram, count), weight in zip(counts.items(), frequencies.squared_idf(counts), strict=True):
            norm += count * count * weight
            where = indices.get(ngram, ())
            for index in where:  # one addition for each time it occurs there
                dots[index] += (min(count, where.count(index)) if clip and count > 1 else count) * weight
        if norm:
            root = math.sqrt(norm)
            cosines = [cosine + dot * one / root for cosine, dot, one in zip(cosines, dots, scale, strict=True)]
    return cosines


def _scales(references: References, frequencies: DocumentFrequencies) -> list[list[float]]:
    """For each n, of each reference: what makes its tf-idf vector one of length 1 / :data:`ORDERS`."""
    scales = []
    for known in references.kept(occurrences):
        norms = [0.0] * len(references.captions)
        for where, weight in zip(known.values(), frequencies.squared_idf(known), strict=True):
            for index in where:
                norms[index] += where.count(index) * weight
        scales.append([1 / (ORDERS * math.sqrt(norm)) if norm else 0.0 for norm in norms])
    return scales


def _lengths(references: References) -> list[int]:
    return [max(1, len(caption.words)) for caption in references.captions]  # pycocoevalcap counts pairs of words


@cache
def _penalty(difference: int) -> float:
    return math.exp(-(difference**2) / (2 * _SIGMA**2))
