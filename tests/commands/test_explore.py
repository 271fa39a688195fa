from __future__ import annotations

import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import httpx2
import pytest

from tests.explorer.browsing import demo_run, served
from tests.running import environment, rsoup

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


@pytest.mark.parametrize("signals", [[signal.SIGINT, signal.SIGINT], [signal.SIGTERM]])
def test_it_ends_without_a_tale_while_a_page_is_open(signals: list[signal.Signals], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "rsoup_lightning", "explore", str(demo_run(tmp_path / "run", 2)), "--port", "0"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    # A shell's background jobs ignore Ctrl-C.
    heeding = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(command, env=environment(), preexec_fn=heeding, **pipes) as process:
        assert process.stdout is not None
        address = process.stdout.readline().split()[1]
        with httpx2.Client(base_url=address) as client, client.stream("GET", "/run/run"):
            for each in signals:
                process.send_signal(each)
                time.sleep(0.2)
            _, told = process.communicate(timeout=60)
    assert told == "rsoup: interrupted\n"
    assert process.returncode in (128 + signals[0], -signals[-1])  # a shell says the same of both


def test_it_says_where_to_look(tmp_path: Path) -> None:
    with served(demo_run(tmp_path / "run", 2), "--token", "abc") as address:
        assert address.endswith("/?token=abc")


def test_the_address_opens_the_page_whatever_the_token(tmp_path: Path) -> None:
    with served(demo_run(tmp_path / "run", 2), "--token", "Zm9v+YmF/a&b#c%25==") as address:
        assert httpx2.get(address, follow_redirects=True).status_code == 200
