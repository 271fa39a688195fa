"""Where an episode is shown: the body, filmed or drawn as lines, and its curves under it."""

from __future__ import annotations

import asyncio
import logging
from base64 import b64encode
from dataclasses import asdict, replace

import numpy as np
from nicegui import ui
from nicegui.element import Element

from rsoup_lightning.errors import SimulationError
from rsoup_lightning.explorer.episodes.camera import Camera
from rsoup_lightning.explorer.episodes.episodes import Part
from rsoup_lightning.explorer.episodes.painter import Subject

logger = logging.getLogger(__name__)


class Theatre(Element, component="theatre.js"):
    """Shows one episode at a time. All theatres of a page keep in step.

    Args:
        subject: what is filmed of the simulator; None: nothing.
        camera: films it; None: the body is drawn as lines.
    """

    def __init__(self, subject: Subject | None, camera: Camera | None) -> None:
        super().__init__()
        self._subject, self._camera = subject, camera
        self._parts: asyncio.Queue[Part] = asyncio.Queue()
        self._filming: asyncio.Task[None] | None = None
        self._props["films"] = subject is not None and camera is not None
        ui.context.client.on_delete(self._stop)

    def begin(self) -> None:
        """Another episode begins; of the last one no more is filmed."""
        self._stop()
        self.run_method("begin")
        if self._subject and self._camera:
            self._parts = asyncio.Queue()
            self._filming = asyncio.create_task(self._film(self._subject, self._camera, self._parts))

    def add(self, part: Part) -> None:
        """Its next steps."""
        self.run_method("add", asdict(replace(part, played=None, states=[])))
        if self._filming and not self._filming.done():  # who alone takes them
            self._parts.put_nowait(part)

    def end(self) -> None:
        """It is over."""

    async def _film(self, subject: Subject, camera: Camera, parts: asyncio.Queue[Part]) -> None:
        try:
            ended = False
            while not ended:
                part = await parts.get()
                ended = part.ended
                if part.states:
                    strip = await camera.strip(subject, np.stack(part.states))
                    picture = f"data:image/jpeg;base64,{b64encode(strip).decode()}"
                    self.run_method("film", picture, len(part.states))
        except SimulationError as error:
            logger.warning("no film of this episode: %s", error)
            self.run_method("unfilmed")

    def _stop(self) -> None:
        if self._filming:
            self._filming.cancel()
