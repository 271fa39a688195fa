from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from rsoup_lightning.run.console.progress import RunProgress
from rsoup_lightning.run.launchers.launcher import Ended
from rsoup_lightning.run.launchers.messages import Messages, Watch

PRINTS = """
import os
from rsoup_lightning.run.launchers.messages import Messages
messages = Messages.on_stdout()
print("a library's own words", flush=True)
os.write(1, b"also from C\\n")
messages.say("ours")
"""


def test_an_object_a_line() -> None:
    stream = io.StringIO()
    messages = Messages(stream)
    messages.stage("init", 3)
    messages.skip(2)
    messages.advance(0.5, "reward 1")
    messages.ended(Ended("init", "broken\nin two"))
    assert [json.loads(line) for line in stream.getvalue().splitlines()] == [
        {"stage": "init", "total": 3},
        {"skip": 2},
        {"advance": 0.5, "note": "reward 1"},
        {"ended": {"stage": "init", "error": "broken\nin two", "died": False}},
    ]


def test_what_others_print_is_no_message() -> None:
    done = subprocess.run([sys.executable, "-c", PRINTS], capture_output=True, text=True, check=True)
    assert done.stdout == '{"say": "ours"}\n'
    assert done.stderr == "a library's own words\nalso from C\n"


def test_files_are_followed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    progress = RunProgress("", 4)
    watch, log = Watch(progress), tmp_path / "messages.jsonl"
    watch.begin("seed-3/init", log)
    assert watch.look() == []  # nobody has come yet
    with log.open("a") as stream:
        messages = Messages(stream)
        messages.stage("init (μ: east 1)", 4)
        messages.skip(1)
        messages.advance(1, "east 2")
        stream.write('{"say": "half a')
    assert watch.look() == [] and progress._done == 2
    with log.open("a") as stream:
        stream.write("\n")  # its worker died, and another goes on
        messages = Messages(stream)
        messages.stage("init (μ: east 1)", 4)
        messages.skip(1)
        messages.say("a word")
    assert watch.look() == [] and progress._done == 1
    with log.open("a") as stream:
        Messages(stream).ended(Ended("seed-3/init"))
    assert watch.look() == [Ended("seed-3/init")] and watch.look() == []
    watch.end("seed-3/init", well=True)
    assert progress._done == 1
    assert capsys.readouterr().err.splitlines() == ["seed-3/init (μ: east 1) ..."] * 2 + ["seed-3/init: a word"]


def test_what_a_lost_worker_has_done_counts_not_yet(tmp_path: Path) -> None:
    progress = RunProgress("", 4)
    watch, log = Watch(progress), tmp_path / "messages.jsonl"
    watch.begin("init", log)
    with log.open("a") as stream:
        Messages(stream).stage("init", 4)
        Messages(stream).advance(2, "")
    watch.look()
    watch.end("init", well=False)
    assert progress._done == 0
