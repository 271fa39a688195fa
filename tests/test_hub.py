"""Names of the hub as folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import huggingface_hub
import pytest

from rsoup_lightning import Soup, load, merge
from rsoup_lightning.errors import ConfigError, RunFolderError
from rsoup_lightning.hub import local_folder
from tests.modalities.language.tiny import saved


@pytest.fixture
def no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "https://hub.invalid")
    for variable in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)


@pytest.mark.parametrize("name", ["/org/name", "./name", "~/name", "a/b/c", "name", "a b/c"])
def test_paths_are_never_looked_for_elsewhere(name: str, no_hub: None) -> None:
    assert local_folder(name) == Path(name).expanduser()


def test_what_lies_here_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_hub: None) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "org" / "name").mkdir(parents=True)
    assert local_folder("org/name") == Path("org/name")
    assert local_folder("org/mistyped") == Path("org/mistyped")  # its reader says that it is not there


def test_a_name_is_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Any, ...]] = []

    def download(name: str, *, local_files_only: bool) -> str:
        asked.append((name, local_files_only))
        return str(tmp_path)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    monkeypatch.setattr("rsoup_lightning.hub.out_of_reach", lambda: False)
    assert local_folder("org/name") == tmp_path and asked == [("org/name", False)]
    with pytest.raises(RunFolderError, match="is not a run"):
        load("org/name")


def test_without_a_hub_each_reader_says_so(tmp_path: Path, no_hub: None) -> None:
    message = "there is no folder org/name, and under this name on the hub: the hub cannot be reached"
    with pytest.raises(ConfigError, match=message):
        load("org/name")
    with pytest.raises(ConfigError, match=message):
        merge(["org/name", "org/other"], tmp_path / "out", [0.5, 0.5])
    with pytest.raises(ConfigError, match=message):
        Soup.from_adapters(saved(tmp_path / "base"), {"kind": "org/name"})
