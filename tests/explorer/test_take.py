from __future__ import annotations

import html
import re
import shlex
from pathlib import Path

import pytest

from rsoup_lightning.files import read_value

pytest.importorskip("nicegui")

from nicegui import Client
from nicegui.page import page

from rsoup_lightning.explorer.choosing.selection import Selection
from rsoup_lightning.explorer.take import Take, command_to_merge, python_lines
from rsoup_lightning.playing.run_front import RunFront
from tests.running import POINT_RECIPE, rsoup


def test_what_is_copied_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands of a page, as its visitor would paste them."""
    (tmp_path / "point.yaml").write_text(POINT_RECIPE)
    rsoup("soup", "-c", "point.yaml", "--run_dir", "a run", cwd=tmp_path)
    mix = {"east": 0.7, "north": 0.3}
    command = shlex.split(command_to_merge(Path("a run/experts"), mix).replace("\\\n", ""))
    rsoup(*command[1:], cwd=tmp_path)
    assert list((tmp_path / "merged").glob("*.safetensors"))
    monkeypatch.chdir(tmp_path)
    lines = python_lines(Path("a run"), mix)
    assert read_value(tmp_path / "a run" / "front.json")["experts"] == list(mix)
    with pytest.raises(Exception, match="no player"):  # of this task; all else has worked
        exec(lines, {})


def test_the_command_for_a_run_of_several_seeds_merges_its_first(tmp_path: Path) -> None:
    (tmp_path / "point.yaml").write_text(POINT_RECIPE)
    rsoup("soup", "-c", "point.yaml", "--run_dir", "run", "--seeds", "3", "4", cwd=tmp_path)
    with Client(page("/nowhere")):
        front = RunFront.load(tmp_path / "run")
        shown = Take(front, Selection(front.experts, {}))._merge
    assert shown is not None
    command = shlex.split(html.unescape(re.sub("<[^>]*>", "", shown.content)).replace("\\\n", ""))
    assert str(tmp_path / "run/seed-3/experts/east") in command
    rsoup(*command[1:], cwd=tmp_path)
    assert list((tmp_path / "merged").glob("*.safetensors"))
