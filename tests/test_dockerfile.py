"""What the Dockerfile names is there, and its command serves a folder of runs; no engine builds it here."""

from __future__ import annotations

import json
import re
from configparser import ConfigParser
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.explorer.browsing import demo_run, served
from tests.running import ROOT

pytest.importorskip("nicegui")

DOCKERFILE = (ROOT / "Dockerfile").read_text()


def test_its_extras_and_files_are_there() -> None:
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    (extras,) = re.findall(r"'\.\[([\w,]+)\]'", DOCKERFILE)
    assert {*extras.split(",")} <= {*setup["options.extras_require"]}
    assert all((ROOT / file).exists() for file in re.findall(r"pip install .*-c (\S+)", DOCKERFILE))


def test_its_command_serves_the_runs_of_a_folder(tmp_path: Path) -> None:
    words = [
        word for kind in ("ENTRYPOINT", "CMD") for word in json.loads(DOCKERFILE.split(f"\n{kind} ")[1].split("\n")[0])
    ]
    assert words[:3] == ["rsoup", "explore", "/runs"] and f"EXPOSE {8080}" in DOCKERFILE
    demo_run(tmp_path / "one", 2)
    options = ["127.0.0.1" if word == "0.0.0.0" else word for word in words[3:]]
    with served(tmp_path, *options) as address, urlopen(address) as page:
        assert page.status == 200 and b"one" in page.read()
