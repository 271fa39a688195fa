"""What is asked and what was answered, as texts: where prompts come from, and how rewards read completions."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from string import Formatter

from torch import Tensor

from rsoup_lightning.errors import RewardError
from rsoup_lightning.modalities.row_reward import RowReward
from rsoup_lightning.rollout import Rollout


@dataclass(frozen=True)
class Exchange:
    """A question and its answer as rewards see them.

    Attributes:
        question: as in :class:`Entry`.
        answer: the completion up to its end token, without special tokens.
        reference: as in :class:`Entry`.
    """

    question: str
    answer: str
    reference: str = ""


class TextReward(RowReward):
    """Rates answers. Subclasses write :meth:`rate`.

    Args:
        template: what is rated, from {question}, {answer} and {reference}.
        allow_empty_answers: rate empty answers too, instead of stopping; an empty question that is part of the
            template always stops.
    """

    def __init__(self, template: str = "{answer}", allow_empty_answers: bool = False) -> None:
        self.template = template
        self._fields = _fields(template)
        self.allow_empty_answers = allow_empty_answers

    def ratings(self, rollout: Rollout) -> Sequence[float] | Tensor:
        return self.rate(self._exchanges(rollout))

    @abstractmethod
    def rate(self, exchanges: Sequence[Exchange]) -> Sequence[float] | Tensor:
        """One number per exchange, the larger the better."""

    def read(self, exchange: Exchange) -> str:
        """The text that is rated."""
        return self.template.format(question=exchange.question, answer=exchange.answer, reference=exchange.reference)

    def inputs(self, rollout: Rollout) -> list[str]:
        return [self.read(exchange) for exchange in self._exchanges(rollout)]

    def _exchanges(self, rollout: Rollout) -> list[Exchange]:
        """The rows of a rollout, checked.

        Raises:
            RewardError: an empty question or answer that is not allowed; names the row.
        """
        texts = rollout.texts
        exchanges = [Exchange(*row) for row in zip(texts["question"], texts["answer"], texts["reference"], strict=True)]
        for index, exchange in enumerate(exchanges):
            if "question" in self._fields and not exchange.question.strip():
                raise RewardError(f"{self.name} would rate row {index} by an empty question: check the data's entries")
            if not exchange.answer.strip() and not self.allow_empty_answers:
                raise RewardError(
                    f"row {index} has an empty answer to {exchange.question!r:.80}: "
                    f"give {self.name} allow_empty_answers: true, in a recipe under init_args, to rate such answers too"
                )
        return exchanges


def _fields(template: str) -> set[str]:
    """The names in a template.

    Raises:
        RewardError: a field that exchanges do not have.
    """
    try:
        fields = {name for _, name, _, _ in Formatter().parse(template) if name is not None}
    except ValueError as error:
        raise RewardError(f"the template {template!r} cannot be read: {error}") from None
    if not fields <= {"question", "answer", "reference"}:
        raise RewardError(f"the template {template!r} may hold {{question}}, {{answer}} and {{reference}} only")
    return fields
