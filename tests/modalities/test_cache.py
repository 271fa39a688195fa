from __future__ import annotations

from pathlib import Path

import pytest

from rsoup_lightning.modalities.cache import cache_folder


def test_the_variable_names_the_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    monkeypatch.setenv("RSOUP_CACHE", "~/kept")
    assert cache_folder() == Path("/home/someone/kept")


@pytest.mark.parametrize("unset", [True, False])
def test_else_it_is_in_the_home(monkeypatch: pytest.MonkeyPatch, unset: bool) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    monkeypatch.setenv("RSOUP_CACHE", "")
    if unset:
        monkeypatch.delenv("RSOUP_CACHE")
    assert cache_folder() == Path("/home/someone/.cache/rsoup_lightning")
