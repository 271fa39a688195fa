"""Rewards of what is said of a picture: agreement with its references, or with a box."""

from __future__ import annotations

from abc import abstractmethod
from functools import lru_cache

from rsoup_lightning import captions
from rsoup_lightning.captions import Caption, DocumentFrequencies, References
from rsoup_lightning.errors import ConfigError, RewardError
from rsoup_lightning.files import user_path
from rsoup_lightning.modalities.data import SPLITS, Box, Item, PictureData
from rsoup_lightning.modalities.row_reward import RowReward
from rsoup_lightning.modalities.vision_language.boxes import Size, iou, read_box, size_of, with_room
from rsoup_lightning.rollout import Rollout


class PictureReward(RowReward):
    """Scores what is said of pictures."""

    def prepare(self, data: PictureData) -> None:
        """Learn what it needs of the data, before the first rollout. Default: nothing.

        Raises:
            RewardError: it cannot score this data.
        """


class CaptionReward(PictureReward):
    """Scores answers by their references, one by one, with the words that evaluation counts too.

    Args:
        style: of the references to score by; null: all of them.
    """

    def __init__(self, style: str | None = None) -> None:
        self.style = style

    def prepare(self, data: PictureData) -> None:
        """Look at the data before the first rollout: whether all items have references, and what else it needs.

        Raises:
            RewardError: an item has none, or none of the style; names it.
        """
        for item in (item for split in SPLITS for item in data.items(split)):
            if not any(text.strip() for text in self._styled(item.references, item.styles)):
                kind = "reference caption" if self.style is None else f"reference of style {self.style!r}"
                have = f"; its styles are {', '.join(dict.fromkeys(item.styles))}" if item.styles else ""
                raise RewardError(
                    f"{_named(item)} has no {kind}, and {self.name} needs one: give it one, or leave the item out{have}"
                )

    def ratings(self, rollout: Rollout) -> list[float]:
        """``[B]``.

        Raises:
            RewardError: a row has no reference.
        """
        rows = zip(rollout.texts["answer"], self._wanted(rollout), strict=True)
        return [self.rate(captions.read(answer), _references(references)) for answer, references in rows]

    @abstractmethod
    def rate(self, answer: Caption, references: References) -> float:
        """The score of one answer, the larger the better; 0 for an empty one."""

    def inputs(self, rollout: Rollout) -> list[str]:
        rows = zip(rollout.texts["answer"], self._wanted(rollout), strict=True)
        return [" | ".join([answer, *references]) for answer, references in rows]

    def _wanted(self, rollout: Rollout) -> list[tuple[str, ...]]:
        references = [tuple(row) for row in rollout.texts["references"]]
        if self.style is None:
            return references
        return [self._styled(row, styles) for row, styles in zip(references, rollout.texts["styles"], strict=True)]

    def _styled(self, references: tuple[str, ...], styles: tuple[str, ...]) -> tuple[str, ...]:
        if self.style is None:
            return references
        return tuple(text for text, style in zip(references, styles, strict=False) if style == self.style)


class Bleu(CaptionReward):
    """BLEU of one answer, from 0 to 1: the share of its n-grams that a reference has, less where it is short.

    Args:
        order: the longest n-grams, in words: 1 to 4.
        style: of the references to score by; null: all of them.
    """

    def __init__(self, order: int = 1, style: str | None = None) -> None:
        super().__init__(style)
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
        style: of the references to score by; null: all of them.
    """

    def __init__(self, synonyms: bool = False, style: str | None = None) -> None:
        super().__init__(style)
        self._synonyms = captions.wordnet_synonyms() if synonyms else None

    def rate(self, answer: Caption, references: References) -> float:
        return captions.meteor(answer, references, self._synonyms)


class CiderD(CaptionReward):
    """CIDEr-D of one answer, from 0 to 10: n-grams that few pictures have count more.

    Args:
        frequencies: a file of document frequencies; null counts those of the training split's references, of all
            styles.
        style: of the references to score by; null: all of them.
    """

    def __init__(self, frequencies: str | None = None, style: str | None = None) -> None:
        super().__init__(style)
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


class Accuracy(CaptionReward):
    """1 where an answer is one of the references, word by word as metrics of captions read them, and 0 elsewhere.

    Args:
        wrong: what any other answer gets instead of 0, such as -1: saying something false is then worse than nothing.
        nothing: the answer that says nothing, such as "not sure"; it gets 0.
        style: of the references to score by; null: all of them.
    """

    def __init__(self, wrong: float = 0.0, nothing: str = "", style: str | None = None) -> None:
        super().__init__(style)
        self.wrong = wrong
        self._nothing = captions.read(nothing).words

    def rate(self, answer: Caption, references: References) -> float:
        if answer.words and any(answer.words == reference.words for reference in references.captions):
            return 1.0
        return 0.0 if answer.words in ((), self._nothing) else self.wrong


class BoxReward(PictureReward):
    """Scores an answer's box by the wanted one; 0 where an answer is no box."""

    def __init__(self) -> None:
        self.bins = PictureData.bins

    @abstractmethod
    def rate(self, given: Box, wanted: Box) -> float:
        """The score of a box, at least 0."""

    def prepare(self, data: PictureData) -> None:
        """Look at the data before the first rollout: how boxes are written, and whether all items have one.

        Raises:
            RewardError: an item has none; names it.
        """
        self.bins = data.bins
        for item in (item for split in SPLITS for item in data.items(split)):
            if item.box is None:
                raise RewardError(f"{_named(item)} has no box, and {self.name} needs one: give it one, or leave it out")

    def ratings(self, rollout: Rollout) -> list[float]:
        """``[B]``.

        Raises:
            RewardError: the data has no boxes.
        """
        if "box" not in rollout:
            raise RewardError(f"{type(self).__name__} needs a box for every item, which this data does not give")
        boxes = [read_box(answer, self.bins) for answer in rollout.texts["answer"]]
        rows = zip(boxes, rollout["box"].tolist(), strict=True)
        return [0.0 if given is None else self.rate(given, (a, b, c, d)) for given, (a, b, c, d) in rows]

    def inputs(self, rollout: Rollout) -> list[str]:
        return list(rollout.texts["answer"])


class BoxHit(BoxReward):
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
        super().__init__()
        if not 0 <= threshold < 1:
            raise ConfigError(f"threshold is {threshold}: an intersection over union lies between 0 and 1")
        self.size = size
        self.threshold = threshold
        self.medium, self.large = medium, large

    def rate(self, given: Box, wanted: Box) -> float:
        counts = self.size in (None, size_of(wanted, self.medium, self.large))
        return float(counts and iou(given, wanted) > self.threshold)


class IdealRoom(BoxReward):
    """How near a box's sides are to where they leave an ideal room around the wanted one, from 0 to 1.

    The mean over four sides of 1 - (distance / reach)², the usual utility of somebody who wants one point of a scale:
    halfway between two ideals, a box may be worth more than half to both. Nothing is paid where a side is out of reach,
    as those of a box around something else are. Where the picture ends before the room does, its edge is ideal.

    Args:
        room: the ideal, as a share of the wanted box's width (left and right) or height (top and bottom).
        reach: from the ideal, either way; a share of the same.

    Raises:
        ConfigError: room below 0, or reach not above 0.
    """

    def __init__(self, room: float = 0.0, reach: float = 0.5) -> None:
        super().__init__()
        if not room >= 0 or not reach > 0:
            raise ConfigError(f"room is {room} and reach {reach}: give at least 0, and above 0")
        self.room, self.reach = room, reach

    def rate(self, given: Box, wanted: Box) -> float:
        ideal = with_room(wanted, *[self.room] * 4)
        sides = (wanted[2] - wanted[0], wanted[3] - wanted[1]) * 2
        away = [(a - b) / (side * self.reach) for a, b, side in zip(given, ideal, sides, strict=True)]
        return 0.0 if max(map(abs, away)) > 1 else 1 - sum(each**2 for each in away) / 4


def _named(item: Item) -> str:
    return f"{item.picture} ({item.question})" if item.question else item.picture


@lru_cache(4096)  # of five captions each they take 100 MB; all of COCO's would take 3 GB
def _references(texts: tuple[str, ...]) -> References:
    """Prepared once for all completions and rewards, and where there are not too many, for all epochs."""
    return captions.prepare(texts, item=repr(texts[0]) if texts else "an item")
