"""One numbering for the tokens of several models: that of the first, continued by the tokens that only others have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from rsoup_lightning.errors import MergeError
from rsoup_lightning.merging.kinds.vocabulary import Manner, Vocabulary


@dataclass(frozen=True)
class Numbering:
    """Which token each row of the merged model is for.

    Attributes:
        tokens: by row; rows that are there to round their number up have none.
        size: how many rows there are.
        extra: the tokens that the first model lacks, with their rows and how they are found in a text.
    """

    tokens: Mapping[int, str]
    size: int
    extra: Mapping[str, tuple[int, Manner]]

    def places(self, vocabulary: Vocabulary, rows: int) -> Tensor:
        """Of each row, which of a model's ``rows`` is the same token's, ``[size]``; -1 where it has no such row.

        Rows without a token are matched by their number with such rows.
        """
        used = vocabulary.tokens
        found = [
            vocabulary.ids.get(self.tokens[row], -1) if row in self.tokens else -1 if row in used else row
            for row in range(self.size)
        ]
        return torch.tensor([place if place < rows else -1 for place in found])


def number(vocabularies: Sequence[Vocabulary], rows: Sequence[int]) -> Numbering:
    """The numbering of models with these vocabularies and numbers of rows.

    A token without a row in any model, as one that only a tokenizer was given, gets none.

    Raises:
        MergeError: the numbers of the first tokenizer leave gaps, so that it cannot be given other tokens.

    >>> a = Vocabulary({"sun": 0, "<red>": 1}, {"<red>": {}}, 2, {})
    >>> b = Vocabulary({"sun": 0, "<blue>": 1, "<red>": 2}, {"<red>": {}, "<blue>": {}}, 3, {})
    >>> both = number([a, b], [2, 4])
    >>> both.tokens, both.size
    ({0: 'sun', 1: '<red>', 2: '<blue>'}, 3)
    >>> both.places(b, 4).tolist()
    [0, 2, 1]
    """
    first = vocabularies[0]
    assert first.room is not None
    if max(first.ids.values(), default=0) >= max(rows[0], len(first.ids)):
        raise MergeError(
            f"the first tokenizer numbers {len(first.ids)} tokens up to {max(first.ids.values())}: save it again"
        )
    extra: dict[str, tuple[int, Manner]] = {}
    for vocabulary, count in zip(vocabularies, rows, strict=True):
        for place, token in sorted(vocabulary.tokens.items()):
            if token not in first.ids and token not in extra and place < count:
                extra[token] = first.room + len(extra), vocabulary.added[token]
    tokens = first.tokens
    for token, (row, _) in extra.items():
        if row in tokens:
            raise MergeError(f"the first tokenizer would number {token!r} as {tokens[row]!r}: save it again")
        tokens[row] = token
    size = rows[0]
    for vocabulary, count in zip(vocabularies, rows, strict=True):
        size = max([size, *(row + 1 for row, token in tokens.items() if vocabulary.ids.get(token, count) < count)])
    return Numbering(tokens, size, extra)
