"""Which showing a soup plays on: what its player can do says so."""

from __future__ import annotations

from typing import Any

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.explorer.choosing.mixing import alone
from rsoup_lightning.explorer.choosing.selection import Selection
from rsoup_lightning.explorer.kinds.control import ControlShowing
from rsoup_lightning.explorer.kinds.drawing import DrawingShowing
from rsoup_lightning.explorer.kinds.seeing import SeeingShowing
from rsoup_lightning.explorer.kinds.showing import Showing
from rsoup_lightning.explorer.kinds.text import TextShowing
from rsoup_lightning.modalities.control.playing import Acting
from rsoup_lightning.modalities.diffusion.playing import Drawing
from rsoup_lightning.modalities.language.playing import Writing
from rsoup_lightning.modalities.vision_language.playing import Describing
from rsoup_lightning.playing.soup import Soup

SHOWINGS: dict[type, type[Showing]] = {
    Acting: ControlShowing,
    Writing: TextShowing,
    Drawing: DrawingShowing,
    Describing: SeeingShowing,
}


def showing_of(soup: Soup, selection: Selection) -> Showing:
    """The showing for a soup, found by playing one expert: whatever its task.

    Raises:
        ConfigError: the page shows no such thing, or nobody has said how these experts are played.
    """
    player = _player(soup)
    for kind, showing in SHOWINGS.items():
        if isinstance(player, kind):
            return showing(soup, selection)
    raise ConfigError(f"the page does not know how to show what a {type(player).__name__} does")


def is_served(soup: Soup) -> bool:
    """Whether a server plays it, too."""
    return isinstance(_player(soup), Writing)


def _player(soup: Soup) -> Any:
    return soup.at(alone(soup.experts, soup.experts[0]))
