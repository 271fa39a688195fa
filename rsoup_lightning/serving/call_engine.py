"""The engine of policies that play a request in one go: those that act, draw or describe."""

from __future__ import annotations

from typing import Any

from rsoup_lightning.modalities.running_calls import CallRequest, CallResult
from rsoup_lightning.playing.soup import Soup
from rsoup_lightning.serving.engine import Engine


class CallEngine(Engine[CallRequest[Any], CallResult]):
    """Plays requests, each row at its own λ.

    Args:
        soup: experts; they are the engine's alone from now on.
        max_queue: how many requests may wait for room.
        **limits: as of :class:`modalities.running_calls.RunningCalls`.

    Attributes:
        player: how the experts are played, to ask it what it takes; it is for the engine to play.

    Raises:
        ConfigError: the experts cannot be served, or a limit makes no sense.
    """

    def __init__(self, soup: Soup, *, max_queue: int = 64, **limits: int) -> None:
        self.player = soup.at({soup.experts[0]: 1.0})
        super().__init__(soup.running(**limits), max_queue)
