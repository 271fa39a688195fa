"""ROUGE-L (Lin 2004): the longest common subsequence of words, as the COCO caption evaluation takes it."""

from __future__ import annotations

from typing import NamedTuple

from rsoup_lightning.captions.caption import Caption, References

_BETA = 1.2  # how much more recall counts than precision


class _Rows(NamedTuple):
    """All references in one integer, a bit per word; after each reference a bit that catches its carry."""

    where: dict[str, int]  # of each word, the bits where it stands
    words: int  # the bits of all words
    spans: list[tuple[int, int]]  # of each reference that has words, its first bit and its length


def rouge_l(candidate: Caption, references: References) -> float:
    """ROUGE-L of one caption, from 0 to 1; equal to pycocoevalcap's score per caption. An empty caption scores 0.

    Precision and recall are the largest over the references, each for itself; their F-measure has a β of 1.2.

    >>> from rsoup_lightning.captions import prepare, read
    >>> round(rouge_l(read("a cat sat"), prepare(["a black cat", "sat"])), 4)  # precision 2/3, recall 1
    0.8299
    """
    rows = references.kept(_rows)
    # Bit-parallel (Hyyrö 2004): a zero in `left` is a word of the subsequence; sums run over all references at once.
    left = rows.words
    for word in candidate.tokens:
        if places := rows.where.get(word):
            hit = left & places
            left = ((left + hit) | (left - hit)) & rows.words
    common = recall = 0.0
    for start, length in rows.spans:
        found = length - ((left >> start) & ((1 << length) - 1)).bit_count()
        common = max(common, found)
        recall = max(recall, found / length)
    if not common:
        return 0.0
    precision = common / len(candidate.tokens)
    return (1 + _BETA**2) * precision * recall / (recall + _BETA**2 * precision)


def _rows(references: References) -> _Rows:
    where: dict[str, int] = {}
    spans, words, start = [], 0, 0
    for caption in references.captions:
        for place, word in enumerate(caption.tokens, start):
            where[word] = where.get(word, 0) | 1 << place
        if length := len(caption.tokens):
            spans.append((start, length))
            words |= ((1 << length) - 1) << start
            start += length + 1
    return _Rows(where, words, spans)
