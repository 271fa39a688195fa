"""A run, or what was picked of one, published on the hub with a card that says what it is: what ``rsoup push`` does."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rsoup_lightning.errors import ConfigError, RunFolderError
from rsoup_lightning.files import atomic_output, read_json, user_path, write_json, write_text
from rsoup_lightning.front.record import Record, read_record
from rsoup_lightning.hub import HUB_NAME, out_of_reach
from rsoup_lightning.optional import need
from rsoup_lightning.report.card import base_of, model_card
from rsoup_lightning.report.picture import write_picture
from rsoup_lightning.run.finished.local_paths import DOWNLOADED, local_names, name_local_paths
from rsoup_lightning.run.finished.pick import RECIPE
from rsoup_lightning.run.folders.inputs import inputs
from rsoup_lightning.run.recipes.parsing import read_recipe

CARD = "README.md"
OF_RUN = ("config.yaml", "run.json", "front.json", "report.html", "init", "experts")
"""What playing a run needs, and its report; of each seed, where there are several."""
LEFT_OUT = shutil.ignore_patterns(CARD)
"""Cards that PEFT writes beside adapters, for their authors to fill in."""


def push(
    run: str | Path, repo: str, *, output: str | Path | None = None, private: bool = False, overwrite: bool = False
) -> str:
    """Publish a run or a pick as a model on the hub, or write the folder of it.

    Args:
        run: folder of a finished run of ``rsoup soup``, or one that ``rsoup pick`` wrote.
        repo: its name there, ``org/name``.
        output: write this folder, and upload nothing.
        private: create the repository as a private one.
        overwrite: replace an existing output.

    Returns:
        Where it is now: the repository's address, or the folder.

    Raises:
        RunFolderError: there is no finished run and no pick.
        ConfigError: a bad name, no hub, or one that refuses.
        OutputError: the output is taken.
    """
    if not HUB_NAME.fullmatch(repo):
        raise ConfigError(f"{repo!r} is no name on the hub: write it as ORGANISATION/NAME")
    folder = user_path(str(run))
    if output is not None:
        with atomic_output(user_path(str(output)), overwrite=overwrite) as temporary:
            _write(folder, temporary, repo)
        return str(user_path(str(output)))
    api = need("huggingface_hub", "huggingface_hub", "hub").HfApi()
    if out_of_reach():
        cure = f"write the folder with --output FOLDER, and upload it later with: hf upload {repo} FOLDER"
        raise ConfigError(f"the hub cannot be reached: {cure}")
    with TemporaryDirectory() as place:
        _write(folder, Path(place) / "folder", repo)
        try:
            url = api.create_repo(repo, private=private, exist_ok=True)
            api.upload_folder(repo_id=repo, folder_path=Path(place) / "folder", commit_message="A rewarded soup")
        except Exception as error:  # of whichever package speaks to the hub
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            cure = "log in with: hf auth login; or write the folder with --output"
            raise ConfigError(f"the hub does not take {repo}: {reason}. {cure}") from error
    return str(url)


def _write(run: Path, target: Path, repo: str) -> None:
    """Write all that is published of a run or a pick into the new folder ``target``."""
    picked: dict[str, Any] | None = None
    record: Record | None = None
    if (run / "pick.json").is_file():
        picked, told = read_json(run / "pick.json", "pick again with rsoup pick"), RECIPE
        shutil.copytree(run, target, ignore=LEFT_OUT)
        front = Path(str(picked["run"])) / "front.json"
        record = read_record(front) if front.is_file() else None  # the run may be elsewhere
    else:
        if not (run / "front.json").is_file():
            raise RunFolderError(f"{run} is no finished run and no pick: give the folder of one")
        record, told = read_record(run / "front.json"), "config.yaml"
        target.mkdir()
        for part in (run, *sorted(run.glob("seed-*"))):
            _copy(part, target / part.relative_to(run))
    recipe = read_recipe(run / told)
    names = local_names(recipe)
    here = [path for path in (*names, *inputs(recipe.get("model"))) if not DOWNLOADED.search(path)]
    private = sorted({names.get(path, path) for path in here})
    name_local_paths(target)
    if record:
        write_picture(target / "front.png", record)
    licence = _licence(base_of(recipe))
    write_text(target / CARD, model_card(repo, read_recipe(target / told), record, picked, licence, private))


def _copy(run: Path, target: Path) -> None:
    for name in OF_RUN:
        if (run / name).is_dir():
            shutil.copytree(run / name, target / name, ignore=LEFT_OUT)
        elif (run / name).is_file():
            target.mkdir(exist_ok=True)
            shutil.copyfile(run / name, target / name)
    if (about := target / "run.json").is_file():  # which files of this machine went into the run tells nobody else
        write_json(about, {**read_json(about, "finish the run with rsoup soup"), "inputs": {}})


def _licence(base: str | None) -> str | None:
    """Of a model's folder or of the hub's; None where nobody says or huggingface_hub is not installed."""
    with suppress(Exception):  # a card is written in as many ways as there are people, and the hub may refuse to tell
        hub = need("huggingface_hub", "huggingface_hub", "hub")
        if base and (user_path(base) / CARD).is_file():
            return hub.ModelCard.load(user_path(base) / CARD).data.license
        if base and HUB_NAME.fullmatch(base) and not user_path(base).exists() and not out_of_reach():
            return hub.HfApi().model_info(base, timeout=10).card_data.license
    return None
