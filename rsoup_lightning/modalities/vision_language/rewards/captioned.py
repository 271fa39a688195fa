"""Rewards of what is said of a picture by its references."""

from __future__ import annotations

from abc import abstractmethod
from functools import lru_cache

from rsoup_lightning import captions
from rsoup_lightning.captions import Caption, DocumentFrequencies, References
from rsoup_lightning.errors import ConfigError, RewardError
from rsoup_lightning.files import user_path
from rsoup_lightning.modalities.data import SPLITS, PictureData
from rsoup_lightning.modalities.vision_language.rewards.picture import PictureReward
from rsoup_lightning.rollout import Rollout


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
                    f"{item.called} has no {kind}, and {self.name} needs one: give it one, or leave the item out{have}"
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


@lru_cache(4096)  # of five captions each they take 100 MB; all of COCO's would take 3 GB
def _references(texts: tuple[str, ...]) -> References:
    """Prepared once for all completions and rewards, and where there are not too many, for all epochs."""
    return captions.prepare(texts, item=repr(texts[0]) if texts else "an item")
