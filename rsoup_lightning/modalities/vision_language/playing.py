"""How soups of captioners are played: pictures and questions in, answers out.

Notation: B rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PIL.Image import Image

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.mixture import Rows
from rsoup_lightning.modalities.playing import texts
from rsoup_lightning.policy import Policy


@dataclass(frozen=True, repr=False)
class Describing:
    """Describes pictures as evaluation does: the best answer of the same search.

    Attributes:
        rows: which policy plays which of them.
        answer: a policy's answers to questions on pictures.
        check: raises ConfigError for a question that is too long.
    """

    rows: Rows
    answer: Callable[[Policy, Sequence[Image], Sequence[str]], list[str]]
    check: Callable[[str], object]

    def __repr__(self) -> str:
        return f"Describing({self.rows}; describe(pictures))"

    def describe(self, pictures: Sequence[Image], questions: Sequence[str] | None = None) -> list[str]:
        """A caption of each of B pictures, or the answer to a question on it, whatever is asked beside it.

        Args:
            pictures: of Pillow.
            questions: one for each; None: captions are wanted. Where the answer is a box, it is the text of one.

        Raises:
            ConfigError: what is not a picture, a question that is too long, or more or fewer of them.
            CoefficientError: rows have a λ each, and there are more or fewer of these.
        """
        if isinstance(pictures, Image) or not all(isinstance(picture, Image) for picture in pictures):
            raise ConfigError(f"pictures must be a list of Pillow's images, not {pictures!r:.60}")
        asked = [""] * len(pictures) if questions is None else texts(questions, "questions", len(pictures))

        def answer(policy: Policy, numbers: list[int]) -> list[str]:
            return self.answer(policy, [pictures[number] for number in numbers], [asked[number] for number in numbers])

        return self.rows(len(pictures), answer)
