"""Pages of fronts that were never trained, and a browser that looks at them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rsoup_lightning.modalities.control.film import NO_GL, gl_backend
from tests.explorer.browsing import CHROMIUM, FLAGS, Watched, demo_run, served
from tests.playing.conftest import run
from tests.running import rsoup

__all__ = ["run"]


@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture(scope="package")
def backend() -> str:
    """MuJoCo's name of an OpenGL that works here."""
    name = gl_backend()
    if name is None:
        pytest.skip(NO_GL)
    return name


@pytest.fixture(scope="package")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a page with fronts of two, three and four rewards."""
    folder = tmp_path_factory.mktemp("shelf")
    for rewards in (2, 3, 4):
        demo_run(folder / f"of_{rewards}", rewards)
    with served(folder) as address:
        yield address


@pytest.fixture(scope="package")
def acting(run: Path) -> Iterator[str]:
    """The address of a page with a run of locomotion that plays."""
    with served(run) as address:
        yield address


WRITING = """
task: rsoup_lightning.modalities.language:LanguageFineTuner
model:
  base: BASE
  data: {class_path: tests.modalities.language.tiny.Sentences}
  rewards:
    early: {class_path: tests.modalities.language.tiny.Letters}
    late: {class_path: tests.modalities.language.tiny.Letters, init_args: {first: n, last: z}}
  batch_size: 2
  batches_per_epoch: 1
  max_new_tokens: 12
  optimizer: {class_path: torch.optim.Adam, init_args: {lr: 0.05}}
trainer: {accelerator: cpu, max_epochs: 2}
soup: {experts: [early, late], grid: 3, films: false}
"""


@pytest.fixture(scope="package")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a tiny language model that writes letters."""
    from tests.modalities.language.tiny import saved

    folder = tmp_path_factory.mktemp("written")
    (folder / "letters.yaml").write_text(WRITING.replace("BASE", saved(folder / "base")))
    rsoup("soup", "-c", "letters.yaml", "--run_dir", "letters", cwd=folder)
    return folder / "letters"


@pytest.fixture(scope="package")
def writing(written: Path) -> Iterator[str]:
    """The address of a page with it."""
    with served(written) as address:
        yield address


PICTURES = (
    "--model.base.init_args.pretraining.steps 2 --model.base.init_args.pretraining.batch_size 4 "
    "--model.data.init_args.train_size 1500 --model.batch_size 2 --model.batches_per_epoch 1 "
    "--model.data.init_args.eval_size 4 --trainer.max_epochs 1 --soup.grid 3 --soup.normalise 0 --model.guards {}"
)
DRAWN = (
    "--model.base.init_args.autoencoding.steps 2 --model.base.init_args.denoising.steps 2 "
    "--model.base.init_args.data.init_args.train_size 50 --model.data.init_args.pictures.init_args.train_size 50 "
    "--model.data.init_args.pictures.init_args.eval_size 4 --model.batch_size 4 --model.batches_per_epoch 1 "
    "--trainer.max_epochs 1 --soup.grid 3"
)


@pytest.fixture(scope="package")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a page with a run that names emoji, and one that draws them, both badly."""
    folder = tmp_path_factory.mktemp("pictures")
    cache = {"RSOUP_CACHE": str(folder / "cache")}
    for recipe, name, small in (("captioning", "named", PICTURES), ("diffusion", "drawn", DRAWN)):
        options = ["-c", f"{recipe}/emoji", "--run_dir", f"runs/{name}", *small.split()]
        rsoup("soup", *options, cwd=folder, **cache)
    with served(folder / "runs", **cache) as address:
        yield address


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Watched]]:
    """Opens watched pages; at the end none may have had an error, nor asked another machine."""
    opened: list[Watched] = []

    def watch(address: str, **settings: Any) -> Watched:
        opened.append(Watched(browser, address, **settings))
        return opened[-1]

    yield watch
    for each in opened:
        each.context.close()
    assert [each.errors for each in opened] == [[]] * len(opened)
    assert [each.foreign for each in opened] == [[]] * len(opened)
