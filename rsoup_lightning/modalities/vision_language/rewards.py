"""Rewards of what is said of a picture: agreement with its references, or with a box."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from functools import lru_cache

from rsoup_lightning import captions
from rsoup_lightning.captions import Caption, DocumentFrequencies, References
from rsoup_lightning.errors import ConfigError, RewardError
from rsoup_lightning.files import user_path
from rsoup_lightning.modalities.data import SPLITS, Box, PictureData
from rsoup_lightning.modalities.row_reward import RowReward
from rsoup_lightning.modalities.vision_language.boxes import Size, iou, read_box, size_of
from rsoup_lightning.rollout import Rollout


class PictureReward(RowReward):
    """Scores what is said of pictures."""

    def prepare(self, data: PictureData) -> None:
        """Learn what it needs of the data, before the first rollout. Default: nothing.

        Raises:
            RewardError: it cannot score this data.
        """


class CaptionReward(PictureReward):
    """Scores answers by their references, one by one, with the words that evaluation counts too."""

    def prepare(self, data: PictureData) -> None:
        """Look at the data before the first rollout: whether all items have references, and what else it needs.

        Raises:
            RewardError: an item has none; names it.
        """
        for item in (item for split in SPLITS for item in data.items(split)):
            if not any(text.strip() for text in item.references):
                raise RewardError(
                    f"{item.picture}{item.question and f' ({item.question})'} has no reference caption, and "
                    f"{type(self).__name__} needs one: give it one, or leave the item out"
                )

    def ratings(self, rollout: Rollout) -> list[float]:
        """``[B]``.

        Raises:
            RewardError: a row has no reference.
        """
        rows = zip(rollout.texts["answer"], rollout.texts["references"], strict=True)
        return [self.rate(captions.read(answer), _references(tuple(references))) for answer, references in rows]

    @abstractmethod
    def rate(self, answer: Caption, references: References) -> float:
        """The score of one answer, the larger the better; 0 for an empty one."""

    def inputs(self, rollout: Rollout) -> list[str]:
        rows = zip(rollout.texts["answer"], rollout.texts["references"], strict=True)
        return [" | ".join([answer, *references]) for answer, references in rows]


class Bleu(CaptionReward):
    """BLEU of one answer, from 0 to 1: the share of its n-grams that a reference has, less where it is short.

    Args:
        order: the longest n-grams, in words: 1 to 4.
    """

    def __init__(self, order: int = 1) -> None:
        if order not in range(1, 5):
            raise ConfigError(f"order is {order}: BLEU counts n-grams of 1 to 4 words")
        self.order = order

    def rate(self, answer: Caption, references: References) -> float:
        return captions.bleu(answer, references)[self.order - 1]


class RougeL(CaptionReward):
    """ROUGE-L of one answer, from 0 to 1: the longest common subsequence, recall counting a little more."""

    def rate(self, answer: Caption, references: References) -> float:
        return captions.rouge_l(answer, references)


class Meteor(CaptionReward):
    """METEOR of one answer, from 0 to 1: words matched as they are or by their stem, and in order.

    Args:
        synonyms: match synonyms too, which needs the data of WordNet (see :func:`captions.wordnet_synonyms`).
    """

    def __init__(self, synonyms: bool = False) -> None:
        self._synonyms = captions.wordnet_synonyms() if synonyms else None

    def rate(self, answer: Caption, references: References) -> float:
        return captions.meteor(answer, references, self._synonyms)


class CiderD(CaptionReward):
    """CIDEr-D of one answer, from 0 to 10: n-grams that few pictures have count more.

    Args:
        frequencies: a file of document frequencies; null counts those of the training split's references.
    """

    def __init__(self, frequencies: str | None = None) -> None:
        self._frequencies = None if frequencies is None else DocumentFrequencies.load(user_path(frequencies))

    def prepare(self, data: PictureData) -> None:
        super().prepare(data)
        if self._frequencies is None:
            documents: dict[str, tuple[str, ...]] = {}  # one per picture, however much is asked of it
            for item in data.items("train"):
                documents[item.picture] = documents.get(item.picture, ()) + item.references
            self._frequencies = DocumentFrequencies.of(map(_references, documents.values()))

    def rate(self, answer: Caption, references: References) -> float:
        if self._frequencies is None:
            raise RewardError("CiderD has no document frequencies: give it a file, or call prepare(data) first")
        return captions.cider_d(answer, references, self._frequencies)


class BoxHit(PictureReward):
    """1 where an answer's box overlaps the wanted one by more than a threshold, else 0.

    Args:
        size: count boxes of this size only, and give 0 for others; null counts all.
        threshold: of the intersection over union.
        medium: the smallest share of the picture of a medium box.
        large: the smallest share of a large box.
    """

    def __init__(
        self,
        size: Size | None = None,
        threshold: float = 0.5,
        medium: float = 1 / 16,
        large: float = 1 / 6,
    ) -> None:
        if not 0 <= threshold < 1:
            raise ConfigError(f"threshold is {threshold}: an intersection over union lies between 0 and 1")
        self.size = size
        self.threshold = threshold
        self.bins = PictureData.bins
        self.medium, self.large = medium, large

    def prepare(self, data: PictureData) -> None:
        self.bins = data.bins

    def ratings(self, rollout: Rollout) -> list[float]:
        """``[B]``.

        Raises:
            RewardError: the data has no boxes.
        """
        if "box" not in rollout:
            raise RewardError("BoxHit needs a box for every item, which this data does not give")
        wanted: Iterable[Sequence[float]] = rollout["box"].tolist()
        rows = zip(rollout.texts["answer"], wanted, strict=True)
        return [self._hit(answer, (a, b, c, d)) for answer, (a, b, c, d) in rows]

    def inputs(self, rollout: Rollout) -> list[str]:
        return list(rollout.texts["answer"])

    def _hit(self, answer: str, wanted: Box) -> float:
        if self.size is not None and size_of(wanted, self.medium, self.large) != self.size:
            return 0.0
        given = read_box(answer, self.bins)
        return float(given is not None and iou(given, wanted) > self.threshold)


@lru_cache(4096)  # of five captions each they take 100 MB; all of COCO's would take 3 GB
def _references(texts: tuple[str, ...]) -> References:
    """Prepared once for all completions and rewards, and where there are not too many, for all epochs."""
    return captions.prepare(texts, item=repr(texts[0]) if texts else "an item")
