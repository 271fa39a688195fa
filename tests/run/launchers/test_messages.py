from __future__ import annotations

import io
import json
import subprocess
import sys

from rsoup_lightning.run.launchers import Ended
from rsoup_lightning.run.launchers.messages import Messages

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
