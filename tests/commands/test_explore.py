from __future__ import annotations

from pathlib import Path

import pytest

from tests.explorer.browsing import demo_run, served
from tests.running import rsoup

pytest.importorskip("nicegui")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "nowhere is not a folder"),
        (["run", "--host", "0.0.0.0"], "--no_auth"),
        (["run", "--port", "70000"], "port 70000"),
        (["run", "--port", "0", "--host", "192.0.2.1"], "cannot listen at"),
    ],
)
def test_what_cannot_be_served_is_said_in_a_line(arguments: list[str], said: str, tmp_path: Path) -> None:
    demo_run(tmp_path / "run", 2)
    extra = ["--no_auth"] if "192.0.2.1" in arguments else []
    shown = rsoup("explore", *arguments, *extra, cwd=tmp_path, status=2).stderr
    assert said in shown and shown.count("\n") == 1


def test_it_says_where_to_look(tmp_path: Path) -> None:
    with served(demo_run(tmp_path / "run", 2), "--token", "abc") as address:
        assert address.endswith("/?token=abc")
