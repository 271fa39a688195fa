from __future__ import annotations

import json

import pytest

from rsoup_lightning.__main__ import main


def test_tasks(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tasks", "--json"]) == 0
    task = json.loads(capsys.readouterr().out)["locomotion"]
    assert task["rewards"] == ["risky", "cautious", "default", "upright"]
    assert task["recipe"] in task["recipes"]
    assert main(["tasks"]) == 0
    assert "  start with: rsoup soup -c locomotion/quickstart\n" in capsys.readouterr().out
