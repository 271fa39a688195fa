"""What is installed is whole: the wheel holds recipes, types and links, and runs from any folder."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from importlib.metadata import PathDistribution
from pathlib import Path
from typing import Any

import pytest

import rsoup_lightning
from tests.conftest import ROOT
from tests.running import front

SOURCES = ("rsoup_lightning", "tasks", "conf", "setup.cfg", "pyproject.toml", "README.md", "LICENSE")
BRIEFLY = (
    "--model.num_envs 2 --model.horizon 4 --model.rollouts_per_epoch 1 --model.eval_episodes 1 --trainer.max_epochs 1 "
    "--model.env_options.max_episode_steps 5 --soup.init_epochs 1 --soup.grid 3 --soup.morl [] --soup.films false"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel installed, built from a copy of the sources."""
    source, site = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("site")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, source / name)
    install = ["pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--target", str(site), str(source)]
    subprocess.run([sys.executable, "-m", *install], check=True)
    return site


def installed(site: Path, *arguments: str, cwd: Path) -> str:
    """What the installed command prints, the sources out of sight."""
    code = f"import sys; sys.path.insert(0, {str(site)!r}); from rsoup_lightning.__main__ import console; console()"
    command = [sys.executable, "-P", "-c", code, *arguments]
    return subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True).stdout


def metadata(site: Path) -> Any:
    """What the wheel says of itself."""
    (info,) = site.glob("rsoup_lightning-*.dist-info")
    return PathDistribution(info).metadata


def test_a_recommended_recipe_runs_in_an_empty_folder(site: Path, tmp_path: Path) -> None:
    listed = json.loads(installed(site, "tasks", "--json", cwd=tmp_path))
    sources = {path.relative_to(ROOT / "conf") for path in (ROOT / "conf").rglob("*.yaml")}
    held = site / "rsoup_lightning" / "conf"
    assert not held.is_symlink()
    assert {path.relative_to(held) for path in held.rglob("*.yaml")} == sources
    extras = set(re.findall(r"\[([\w,]+)\]", " ".join(task["install"] for task in listed.values())))
    assert {extra for group in extras for extra in group.split(",")} <= set(metadata(site).get_all("Provides-Extra"))
    assert {name for task in listed.values() for name in task["recipes"]} == {
        path.with_suffix("").as_posix() for path in sources
    }
    installed(site, "soup", "-c", listed["locomotion"]["recipe"], *BRIEFLY.split(), cwd=tmp_path)
    assert front(tmp_path / "runs" / "locomotion-quickstart")["task"] == "locomotion"


def test_what_a_package_index_and_a_type_checker_read(site: Path) -> None:
    found = metadata(site)
    assert found["Version"] == rsoup_lightning.__version__
    assert found.get_all("Project-URL")
    assert "Typing :: Typed" in found.get_all("Classifier")
    for package in ("rsoup_lightning", "tasks"):
        assert (site / package / "py.typed").exists()
