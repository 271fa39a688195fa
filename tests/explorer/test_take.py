from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from rsoup_lightning.files import read_value

pytest.importorskip("nicegui")

from rsoup_lightning.explorer.take import command_to_merge, python_lines
from tests.running import POINT_RECIPE, rsoup


def test_what_is_copied_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands of a page, as its visitor would paste them."""
    (tmp_path / "point.yaml").write_text(POINT_RECIPE)
    rsoup("soup", "-c", "point.yaml", "--run_dir", "a run", cwd=tmp_path)
    mix = {"east": 0.7, "north": 0.3}
    command = shlex.split(command_to_merge(Path("a run"), mix).replace("\\\n", ""))
    rsoup(*command[1:], cwd=tmp_path)
    assert list((tmp_path / "merged").glob("*.safetensors"))
    monkeypatch.chdir(tmp_path)
    lines = python_lines(Path("a run"), mix)
    assert read_value(tmp_path / "a run" / "front.json")["experts"] == list(mix)
    with pytest.raises(Exception, match="no player"):  # of this task; all else has worked
        exec(lines, {})
