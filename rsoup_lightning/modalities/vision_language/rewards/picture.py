"""The abstract reward of what is said of pictures."""

from __future__ import annotations

from rsoup_lightning.modalities.data import PictureData
from rsoup_lightning.modalities.row_reward import RowReward


class PictureReward(RowReward):
    """Scores what is said of pictures."""

    def prepare(self, data: PictureData) -> None:
        """Learn what it needs of the data, before the first rollout. Default: nothing.

        Raises:
            RewardError: it cannot score this data.
        """
