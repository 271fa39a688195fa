"""How a finished run makes one policy's weights of its experts'."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from rsoup_lightning.merging import read_weights
from rsoup_lightning.methods import Method
from rsoup_lightning.policy import Merge
from rsoup_lightning.run.recipes.parsing import read_recipe
from rsoup_lightning.run.recipes.recipe_parser import built
from rsoup_lightning.run.recipes.settings import SoupSettings


def method_of(run: Path) -> Method:
    """The method of a run, of a single seed.

    Raises:
        RSoupError: its recipe cannot be read.
    """
    settings: SoupSettings = built(SoupSettings, "soup", read_recipe(run / "config.yaml")["soup"])
    return settings.method


def merge_of(run: Path) -> Merge:
    """What makes the weights at λ of those of a run's experts.

    Raises:
        RSoupError: its recipe, or the weights that its experts began at, cannot be read.
    """
    method = method_of(run)
    origin = read_weights(run / method.origin) if method.merges else None
    return partial(method.merged, origin=origin)
