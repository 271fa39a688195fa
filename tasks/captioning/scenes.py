"""Captions of a thing in three styles: what it is called, how it looks, and both."""

from __future__ import annotations

from random import Random
from typing import Any

from rsoup_lightning.modalities.data import Item
from rsoup_lightning.modalities.vision_language.boxes import size_of
from tasks.emoji.looks import appearance
from tasks.emoji.scene_data import SceneData
from tasks.emoji.scenes import Scene


class SceneCaptions(SceneData):
    """Scenes of one thing and what may be said of them, in references of three styles:

    - ``name``: what it is called, "frog on pink" or another of its names;
    - ``look``: what somebody sees who does not know it, "a small round green thing on pink", counted from pixels;
    - ``full``: both, "a small round green frog on pink".

    Args:
        held_out: as of SceneData; by default what is new in evaluation is the scene, as a name that was never heard
            cannot be said.
        **kwargs: as of SceneData.
    """

    def __init__(self, held_out: int = 0, **kwargs: Any) -> None:
        super().__init__(held_out=held_out, most_things=1, **kwargs)

    def ask(self, picture: str, scene: Scene, random: Random) -> Item:
        (thing,) = scene.things
        seen = appearance(thing.emoji, thing.look)
        words = f"a {size_of(scene.box(thing))} {seen.shape} {seen.colours[0]}"
        look, *full = (f"{words} {name} on {scene.background}" for name in ("thing", *thing.emoji.names))
        names = [f"{name} on {scene.background}" for name in thing.emoji.names]
        styles = (*["name"] * len(names), "look", *["full"] * len(full))
        return Item(picture, (*names, look, *full), styles=styles)
