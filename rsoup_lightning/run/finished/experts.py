"""Where the trained experts of a run lie. Imports nothing heavy: other servers' processes ask, too."""

from __future__ import annotations

from pathlib import Path

from rsoup_lightning.errors import ConfigError, RunFolderError
from rsoup_lightning.files import read_json


def trained_experts(run: Path) -> dict[str, Path]:
    """The folders of the experts of a finished run, by their names, in the order of λ.

    Raises:
        RunFolderError: there is no run, or one that is not finished.
    """
    cure = "give the folder of a run that rsoup soup has completed"
    record = read_json(run / "front.json", cure)
    names = record.get("experts") if isinstance(record, dict) else None
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise RunFolderError(f"{run / 'front.json'} lists no experts: {cure}")
    _, folder = experts_folder(run, None)
    return {name: folder / name for name in names}


def experts_folder(run: Path, seed: int | None) -> tuple[int | None, Path]:
    """Whose experts to merge: the run's own, or one seed's of several (default the first); the seed if several.

    Raises:
        ConfigError: a seed that the run does not have.
        RunFolderError: no run.json, or one without seeds.
    """
    if (run / "experts").is_dir():
        if seed is not None:
            raise ConfigError(f"{run} is the run of one seed: leave --seed {seed} out")
        return None, run / "experts"
    record = read_json(run / "run.json", "give the folder of a run of rsoup soup")
    seeds = record.get("seeds") if isinstance(record, dict) else None
    if not isinstance(seeds, list):
        raise RunFolderError(f"{run / 'run.json'} lists no seeds: give the folder of a run of rsoup soup")
    chosen = seed if seed is not None else next(iter(seeds), None)
    if chosen is None or chosen not in seeds:
        known = ", ".join(map(str, seeds)) or "none"
        raise ConfigError(f"{run} has no experts of seed {chosen}: its seeds are {known}")
    return chosen, run / f"seed-{chosen}" / "experts"
