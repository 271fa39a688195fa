from __future__ import annotations

from pathlib import Path

import pytest

from rsoup_lightning.files import atomic, write_json, write_text


def test_whole_or_not_at_all(tmp_path: Path) -> None:
    write_text(tmp_path / "deep" / "a.txt", "one")
    with pytest.raises(RuntimeError), atomic(tmp_path / "deep" / "a.txt") as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert [(file.name, file.read_text()) for file in (tmp_path / "deep").iterdir()] == [("a.txt", "one")]


def test_json_without_nan(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"x": float("nan")})
    assert not list(tmp_path.iterdir())
