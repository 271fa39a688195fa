"""What policies are asked, and of which pictures: where prompts, pictures and good answers come from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar, get_args

from PIL.Image import Image

from rsoup_lightning.errors import ConfigError, check_at_least_one

Split = Literal["train", "dev", "eval"]
"""What is trained on, what settings and checkpoints are chosen by, and what is reported."""

SPLITS: tuple[Split, ...] = get_args(Split)

T = TypeVar("T")

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


def cut(
    entries: Sequence[T], owner: str, eval_size: int, dev_size: int = 0, train_size: int | None = None
) -> dict[Split, tuple[T, ...]]:
    """Splits of one list: the first ``eval_size`` entries, the last ``dev_size``, and for training those between.

    Evaluation has the same entries, and training begins with the same, whatever ``dev_size`` is.

    >>> cut(range(6), "Numbers", eval_size=2, dev_size=1)
    {'train': (2, 3, 4), 'dev': (5,), 'eval': (0, 1)}

    Args:
        entries: in an order that is as good as chance.
        owner: what has them, for the error.
        eval_size: number of entries for evaluation.
        dev_size: number of entries for development; 0: none.
        train_size: at most so many entries for training; None: all that remain.

    Raises:
        ConfigError: none are left for training.
    """
    end = len(entries) - dev_size
    if end <= eval_size:
        raise ConfigError(
            f"{owner} has {len(entries)} entries, of which eval_size takes {eval_size} and dev_size {dev_size}: none "
            "are left for training; lower eval_size and dev_size, or give it more data"
        )
    train = entries[eval_size:end][:train_size]
    return {"train": tuple(train), "dev": tuple(entries[end:]), "eval": tuple(entries[:eval_size])}


def check_sizes(eval_size: int | None, dev_size: int, train_size: int | None) -> None:
    """Require sizes that splits can have; None: all there are.

    Raises:
        ConfigError: one is too small.
    """
    check_at_least_one(eval_size=eval_size, train_size=train_size)
    if dev_size < 0:
        raise ConfigError(f"dev_size is {dev_size}: give a number of entries, or 0 for none")


class PromptData(ABC):
    """Where entries come from. Splits that share nothing; that for development may be empty."""

    @abstractmethod
    def entries(self, split: Split) -> Sequence[Entry]:
        """All entries of a split, in the same order at each call.

        Raises:
            ConfigError: the data is absent (says which extra installs it), or empty.
        """

    @property
    def source(self) -> PromptData | PictureData:
        """What has the settings that its splits follow from. Default: itself."""
        return self


@dataclass(frozen=True)
class Item:
    """One picture and what is to be said of it.

    Attributes:
        picture: the picture's name, as :meth:`PictureData.picture` takes it; several items may share it.
        references: good answers, where there are any: captions, answers, or a box as text.
        question: what is asked of the picture; empty where a caption is wanted.
        box: where what the question names is, if that is the task.
        styles: of each reference, how it is worded, such as name or look, where there are several ways; none: one way.

    Raises:
        ConfigError: the references are one text.
    """

    picture: str
    references: tuple[str, ...] = ()
    question: str = ""
    box: Box | None = None
    styles: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if isinstance(self.references, str):  # would be read letter by letter
            raise ConfigError(f"{self.picture} has the text {self.references!r:.80} for its references: write a tuple")

    @property
    def called(self) -> str:
        """What errors call it."""
        return f"{self.picture} ({self.question})" if self.question else self.picture


class PictureData(ABC):
    """Where items and their pictures come from. Splits that share no picture; that for development may be empty.

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
