"""Pre-trained models of tests go to a folder of their own."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RSOUP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"
