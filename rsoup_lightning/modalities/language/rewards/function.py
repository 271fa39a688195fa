"""Any Python function as a reward."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from rsoup_lightning.modalities.function_rewards import RatingFunction
from rsoup_lightning.modalities.language.rewards.texts import Exchange, TextReward


class TextFunction(TextReward):
    """A function of questions and answers, two lists of strings, that returns one number for each answer.

    Args:
        function: where to import it from, as ``module:function``.
        template: what people see of each row. An empty question stops the run unless {question} is left out here.
        allow_empty_answers: rate empty answers too, instead of stopping.

    Raises:
        ConfigError: nothing of that name can be imported and called.
    """

    def __init__(
        self, function: str, template: str = "{question}\n{answer}", allow_empty_answers: bool = False
    ) -> None:
        super().__init__(template, allow_empty_answers)
        self.function = function
        self._call = RatingFunction(function, each="answer")

    @property
    def name(self) -> str:
        return self.function

    def rate(self, exchanges: Sequence[Exchange]) -> Tensor:
        return self._call([exchange.question for exchange in exchanges], [exchange.answer for exchange in exchanges])
