from __future__ import annotations

import logging

import pytest

from rsoup_lightning.run import progress
from rsoup_lightning.run.progress import ProgressCallback, RunProgress
from tests.conftest import PointFineTuner, quiet_trainer


def test_lines_where_there_is_no_terminal(
    point: PointFineTuner, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "NOTE_EVERY", 0.0)
    with RunProgress("demo", epochs=4) as shown:
        shown.stage("init", 2)
        trainer = quiet_trainer(max_epochs=2, callbacks=[ProgressCallback(shown)])
        trainer.fit(point)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "init ..."
    assert lines[-1].startswith("50 % of the training, about ")
    assert "east -" in lines[-1]


def test_epochs_done_before_count_as_done_but_not_as_time(capsys: pytest.CaptureFixture[str]) -> None:
    with RunProgress("demo", epochs=10) as shown:
        shown.skip(8)
        shown._noted -= 1000
        shown._start -= 50
        shown.advance(1.0, "")
    assert "90 % of the training, about 50 s left" in capsys.readouterr().err


def test_what_the_library_logs_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    logger = logging.getLogger("rsoup_lightning.somewhere")
    with RunProgress("demo", epochs=1):
        logger.info("read [bold]this[/bold] " + "x" * 200)
    logger.info("and not this")
    assert capsys.readouterr().err == "read [bold]this[/bold] " + "x" * 200 + "\n"
