"""torchmetrics classes over the functions of this package: the scores of a corpus of captions."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

from rsoup_lightning.captions.bleu import BleuCounts, bleu_counts, bleu_of
from rsoup_lightning.captions.caption import ORDERS, Caption, References, prepare, read
from rsoup_lightning.captions.cider import cider, cider_d
from rsoup_lightning.captions.frequencies import DocumentFrequencies
from rsoup_lightning.captions.meteor import Synonyms, meteor
from rsoup_lightning.captions.rouge import rouge_l
from rsoup_lightning.errors import ConfigError, RewardError


class BleuMetric(Metric):
    """BLEU of a corpus: the counts of all captions together, not the mean of theirs; see :func:`bleu_counts`.

    Args:
        order: from 1 to 4, the words of the longest n-grams.

    Raises:
        ConfigError: another order.

    >>> metric = BleuMetric(order=1)
    >>> metric.update(["A red car."], [["a red car", "the car is red"]])
    >>> round(metric.compute().item(), 4)
    1.0
    """

    full_state_update = False
    higher_is_better = True
    counts: Tensor

    def __init__(self, order: int = 4, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if order not in range(1, ORDERS + 1):
            raise ConfigError(f"BLEU-{order} is not defined here: order is from 1 to {ORDERS}")
        self.order = order
        self.add_state("counts", torch.zeros(2 * ORDERS + 2, dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, candidates: Sequence[str], references: Sequence[Sequence[str]]) -> None:
        """Add captions, each with its references."""
        for candidate, known in _read_all(candidates, references):
            correct, total, length, reference_length = bleu_counts(candidate, known)
            self.counts += self.counts.new_tensor([*correct, *total, length, reference_length])

    def compute(self) -> Tensor:
        """Scalar, from 0 to 1."""
        *ngrams, length, reference_length = self.counts.tolist()
        values = bleu_of(BleuCounts(ngrams[:ORDERS], ngrams[ORDERS:], length, reference_length))
        return self.counts.new_tensor(values[self.order - 1])


class _Mean(Metric):
    """The mean of the captions' scores. Subclasses write :meth:`score`."""

    full_state_update = False
    higher_is_better = True
    total: Tensor
    count: Tensor

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.add_state("total", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")

    @abstractmethod
    def score(self, candidate: Caption, references: References) -> float:
        """Of one caption."""

    def update(self, candidates: Sequence[str], references: Sequence[Sequence[str]]) -> None:
        """Add captions, each with its references."""
        scores = [self.score(candidate, known) for candidate, known in _read_all(candidates, references)]
        self.total += sum(scores)
        self.count += len(scores)

    def compute(self) -> Tensor:
        """Scalar mean over the captions."""
        return self.total / self.count


class RougeLMetric(_Mean):
    """See :func:`rouge_l`.

    >>> metric = RougeLMetric()
    >>> metric.update(["A red car.", "A cat"], [["a red car"], ["two dogs"]])
    >>> metric.compute().item()
    0.5
    """

    def score(self, candidate: Caption, references: References) -> float:
        return rouge_l(candidate, references)


class MeteorMetric(_Mean):
    """See :func:`meteor`."""

    def __init__(self, synonyms: Synonyms | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.synonyms = synonyms

    def score(self, candidate: Caption, references: References) -> float:
        return meteor(candidate, references, self.synonyms)


class CiderMetric(_Mean):
    """See :func:`cider`.

    Args:
        frequencies: usually those of the training's references, or of those the captions are compared with.
    """

    def __init__(self, frequencies: DocumentFrequencies, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.frequencies = frequencies

    def score(self, candidate: Caption, references: References) -> float:
        return cider(candidate, references, self.frequencies)


class CiderDMetric(CiderMetric):
    """See :func:`cider_d`; with the frequencies of the references at hand, what pycocoevalcap calls CIDEr."""

    def score(self, candidate: Caption, references: References) -> float:
        return cider_d(candidate, references, self.frequencies)


def _read_all(candidates: Sequence[str], references: Sequence[Sequence[str]]) -> Iterator[tuple[Caption, References]]:
    """Each caption with its references.

    Raises:
        RewardError: there are not as many captions as lists of references, or a list has no words or is a text.
    """
    if len(candidates) != len(references):
        raise RewardError(f"{len(candidates)} captions came with references for {len(references)}")
    for index, (candidate, texts) in enumerate(zip(candidates, references, strict=True)):
        yield read(candidate), prepare(texts, f"caption {index}, {candidate!r:.80},")
