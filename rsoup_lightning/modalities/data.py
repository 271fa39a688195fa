"""What policies are asked, and of which pictures: where prompts, pictures and good answers come from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from PIL.Image import Image

Split = Literal["train", "eval"]

Box = tuple[float, float, float, float]
"""Left, top, right and bottom edge, as fractions of the picture's width and height."""


@dataclass(frozen=True)
class Entry:
    """One thing to answer.

    Attributes:
        question: what is asked, without any template: what rewards see as the question.
        reference: a good answer, where there is one.
        prompt: what the policy reads, where that is more than the question; empty: the question.
    """

    question: str
    reference: str = ""
    prompt: str = ""


class PromptData(ABC):
    """Where entries come from. Two splits that share nothing."""

    @abstractmethod
    def entries(self, split: Split) -> Sequence[Entry]:
        """All entries of a split, in the same order at each call.

        Raises:
            ConfigError: the data is absent (says which extra installs it), or empty.
        """


@dataclass(frozen=True)
class Item:
    """One picture and what is to be said of it.

    Attributes:
        picture: the picture's name, as :meth:`PictureData.picture` takes it; several items may share it.
        references: good answers, where there are any: captions, answers, or a box as text.
        question: what is asked of the picture; empty where a caption is wanted.
        box: where what the question names is, if that is the task.
    """

    picture: str
    references: tuple[str, ...] = ()
    question: str = ""
    box: Box | None = None


class PictureData(ABC):
    """Where items and their pictures come from. Two splits that share no picture.

    Attributes:
        bins: integers per axis that boxes are written with, where boxes are answers.
    """

    bins: int = 32

    @abstractmethod
    def items(self, split: Split) -> Sequence[Item]:
        """All items of a split, in the same order at each call.

        Raises:
            ConfigError: the data is absent (says which extra installs it), empty or not of its format.
        """

    @abstractmethod
    def picture(self, name: str) -> Image:
        """The picture of that name, in RGB, the same at each call.

        Raises:
            PictureError: it is missing, unreadable or empty; names the file.
        """
