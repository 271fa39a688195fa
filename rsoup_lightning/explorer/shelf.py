"""The runs that a page shows: read once, their experts loaded when somebody first wants to see them play."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from rsoup_lightning.errors import RSoupError, RunFolderError
from rsoup_lightning.explorer.owner import Owner
from rsoup_lightning.files import user_path
from rsoup_lightning.playing.judging import Judge
from rsoup_lightning.playing.load import load
from rsoup_lightning.playing.run_front import RunFront
from rsoup_lightning.playing.soup import Soup
from rsoup_lightning.rollout import Rollout


@dataclass
class Run:
    """A run on the shelf.

    Attributes:
        name: what the page calls it, the only one of that name.
        front: what it measured.
        owner: the thread in which its experts play.
        judges: the thread in which its rewards score.
    """

    name: str
    front: RunFront
    owner: Owner = field(repr=False)
    judges: Owner = field(repr=False)
    _judge: Judge | None = None
    _loading: asyncio.Task[Soup] | None = None

    async def load_ahead(self) -> None:
        """Load its experts before anybody asks; what is wrong with them is said to who does."""
        with suppress(RSoupError):
            await self.soup()

    async def soup(self) -> Soup:
        """Its experts, loaded once for all who look at it.

        Raises:
            RSoupError: they cannot be.
        """
        if self._loading is None or (self._loading.done() and self._loading.exception()):
            self._loading = asyncio.create_task(self.owner.do(lambda: load(self.front.run)))
        return await asyncio.shield(self._loading)  # who leaves the page does not stop it for the others

    async def scores(self, rollout: Rollout) -> dict[str, float]:
        """What its rewards give to one thing that was played; without those that cannot tell.

        Raises:
            RSoupError: the recipe of the run cannot be read.
        """

        def judged() -> dict[str, float]:
            if self._judge is None:
                names = list(self.front.points[0]["scores"])
                self._judge = Judge.load(self.front.run / "config.yaml", names)
            return {name: values[0] for name, values in self._judge.scores(rollout).items()}

        return await self.judges.do(judged)


@dataclass
class Shelf:
    """All runs of a page.

    Attributes:
        runs: by name.
        broken: what is wrong with those that cannot be shown, by name.
    """

    runs: dict[str, Run]
    broken: dict[str, str]


def shelve(folders: Sequence[str]) -> Shelf:
    """Read the fronts of run folders, or of all runs in a folder.

    Raises:
        RunFolderError: there is nothing to show.
        FrontError: as of the only folder that was given.
    """
    places = [place for folder in folders for place in _runs_in(user_path(folder))]
    shelf = Shelf({}, {})
    distinct: dict[Path, Path] = {}
    for place in places:
        distinct.setdefault(place.resolve(), place)
    for place in distinct.values():
        name = _new_name(place, {*shelf.runs, *shelf.broken})
        try:
            shelf.runs[name] = Run(name, RunFront.load(place), Owner(name), Owner(f"{name} judged"))
        except RSoupError as error:
            if len(places) == 1:
                raise
            shelf.broken[name] = str(error)
    return shelf


def _runs_in(folder: Path) -> list[Path]:
    """The folder itself, or the runs directly in it where it is none."""
    inside = [] if _is_run(folder) or not folder.is_dir() else [each for each in folder.iterdir() if _is_run(each)]
    if not inside and not folder.is_dir():
        raise RunFolderError(
            f"{folder} is not a folder: give the folder of a run of rsoup soup, or one that holds runs"
        )
    return sorted(inside) or [folder]


def _is_run(folder: Path) -> bool:
    return (folder / "config.yaml").is_file() or (folder / "front.json").is_file()


def _new_name(place: Path, taken: set[str]) -> str:
    """The folder's name, with its parent's where another run is called the same, or else a number."""
    place = place.resolve()
    candidates = [place.name, f"{place.parent.name}-{place.name}"]
    candidates += [f"{place.name}-{number}" for number in range(2, len(taken) + 3)]
    return next(name for name in candidates if name not in taken)
