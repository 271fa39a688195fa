"""Rewards of an answer that is a box, by the wanted one."""

from __future__ import annotations

from abc import abstractmethod

from rsoup_lightning.errors import ConfigError, RewardError
from rsoup_lightning.modalities.data import SPLITS, Box, PictureData
from rsoup_lightning.modalities.vision_language.boxes import Size, iou, read_box, size_of, with_room
from rsoup_lightning.modalities.vision_language.rewards.picture import PictureReward
from rsoup_lightning.rollout import Rollout


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
                raise RewardError(f"{item.called} has no box, and {self.name} needs one: give it one, or leave it out")

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
