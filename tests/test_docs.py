"""The manual: it builds without a warning, its tutorials run, every public module is in it, and its pages are found."""

from __future__ import annotations

import inspect
import pickle
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cached_property
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from types import FunctionType, ModuleType
from typing import Any

import pytest
import yaml

import rsoup_lightning
import tasks
from rsoup_lightning import __version__
from tests.conftest import ROOT

DOCS = ROOT / "docs"
METHODS = (FunctionType, classmethod, staticmethod, property, cached_property)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of docs/ whose tutorials have run, in which everything is read and every reference resolved.

    Pages are not written, for speed.
    """
    source = tmp_path_factory.mktemp("manual") / "docs"
    shutil.copytree(DOCS, source, ignore=shutil.ignore_patterns("generated", "_build", "runs", "__pycache__"))
    options = ["--builder", "dummy", "--fail-on-warning", "--nitpicky", "--quiet", "--keep-going"]
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", *options, str(source), str(source / "_build")],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    yield source


def test_tutorials_ran_and_drew_their_pictures(site: Path) -> None:
    scripts = {file.stem for file in (DOCS / "tutorials").glob("*.py")} - {"garden"}  # which a tutorial imports
    assert len(scripts) == 4
    made = site / "generated" / "tutorials"
    assert {file.name.removesuffix(".py.md5") for file in made.glob("*.py.md5")} == scripts  # of those that ended well
    drawn = {file.stem.removeprefix("sphx_glr_")[:-4] for file in (made / "images").glob("*.png")}
    assert drawn == scripts
    index = (DOCS / "index.md").read_text()
    assert all(f"generated/tutorials/{name}\n" in index for name in scripts)


def test_it_builds_and_has_every_public_module(site: Path) -> None:
    pages = "\n".join(page.read_text() for page in (site / "generated" / "python").glob("*.rst"))
    listed = re.findall(r"^\.\. automodule:: (\S+)$", pages, re.M)
    public = {
        ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for package in ("rsoup_lightning", "tasks")
        for file in (ROOT / package).rglob("*.py")
        if not file.stem.startswith("_") or file.stem == "__init__"
    }
    assert len(listed) == len(set(listed))
    assert set(listed) == public


def test_every_public_name_is_documented_and_in_the_reference(site: Path) -> None:
    """What a class has from its base is documented there."""
    with (site / "_build" / ".doctrees" / "environment.pickle").open("rb") as stream:
        listed = set(pickle.load(stream).domaindata["py"]["objects"])  # written by the build above
    names = {name: thing for module in _modules() for name, thing in _public(module)}
    assert len(names) > 1500
    assert [name for name, thing in names.items() if not inspect.getdoc(thing)] == []
    assert sorted(names.keys() - listed) == []


def _modules() -> Iterator[ModuleType]:
    for package in (rsoup_lightning, tasks):
        for found in walk_packages(package.__path__, f"{package.__name__}."):
            if not found.name.rpartition(".")[2].startswith("_"):
                yield import_module(found.name)


def _public(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """Classes, functions and methods that are written in a module, by their whole names."""
    for name, thing in vars(module).items():
        if name.startswith("_") or getattr(thing, "__module__", None) != module.__name__:
            continue
        if inspect.isclass(thing) or inspect.isroutine(thing):
            yield f"{module.__name__}.{name}", thing
        if inspect.isclass(thing):
            for member, value in vars(thing).items():
                if not member.startswith("_") and isinstance(value, METHODS):
                    yield f"{module.__name__}.{name}.{member}", getattr(thing, member)


def test_commands_and_keys_are_those_of_the_code(site: Path) -> None:
    assert "--towards_init" in (site / "generated" / "commands" / "merge.md").read_text()
    keys = set(re.findall(r"^\| `([\w.]+)` \|", (site / "generated" / "recipes.md").read_text(), re.M))
    assert {"soup.validate_every", "model.env_id"} <= keys
    named = {key for page in DOCS.glob("*/*.md") for key in re.findall(r"`((?:soup|model)\.\w+)`", page.read_text())}
    assert len(named) > 10 and named <= keys
    assert "| `coefficients` |" in (site / "generated" / "http.md").read_text()
    assert "| Llama 3 | `LlamaForCausalLM` | yes |" in (site / "generated" / "models.md").read_text()


def _page_links() -> list[tuple[Path, str]]:
    pages = [*ROOT.glob("*.md"), *DOCS.rglob("*.md")]
    return [
        (page, link)
        for page in pages
        if "generated" not in page.parts
        for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text())
        if "://" not in link and "generated/" not in link
    ]


def test_links_work_on_a_page_of_files_too() -> None:
    """As where the repository is read, without a build."""
    broken = []
    for page, link in _page_links():
        path, _, anchor = link.partition("#")
        target = page if not path else (page.parent / path)
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            broken.append((page.relative_to(ROOT).as_posix(), link))
    assert broken == []


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_files_that_contributors_read_of_exist() -> None:
    named = re.findall(r"`([\w./]+/[\w./]*)`", (ROOT / "CONTRIBUTING.md").read_text())
    assert len(named) > 5
    assert [path for path in named if "NAME" not in path and not (ROOT / path).exists()] == []


def test_citation_and_changelog_are_of_this_version() -> None:
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == __version__
    assert __version__ in (ROOT / "CHANGELOG.md").read_text()
