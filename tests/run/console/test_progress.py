from __future__ import annotations

import logging

import pytest

from rsoup_lightning.run.console import progress
from rsoup_lightning.run.console.progress import ProgressCallback, RunProgress
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


def test_a_stage_that_has_logged_nothing_yet_is_named_alone(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "NOTE_EVERY", 0.0)
    with RunProgress("demo", epochs=2) as shown:
        shown.stage("experts/a (μ: a 1)", 2)
        shown.advance(0.5, "")
    assert capsys.readouterr().err.endswith(" s left. experts/a\n")


def test_what_the_library_logs_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    logger = logging.getLogger("rsoup_lightning.somewhere")
    with RunProgress("demo", epochs=1):
        logger.info("read [bold]this[/bold] " + "x" * 200)
    logger.info("and not this")
    assert capsys.readouterr().err == "read [bold]this[/bold] " + "x" * 200 + "\n"


def test_a_stage_beside_others_says_which_it_is_and_counts_once_when_it_begins_again(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "NOTE_EVERY", 0.0)
    with RunProgress("demo", epochs=8) as shown:
        one, other = shown.beside(), shown.beside()
        one.stage("experts/a (μ: a 1)", 4)
        other.stage("experts/b (μ: b 1)", 4)
        one.advance(2.0, "reward 1")
        one.say("a guard is near its limit")
        one.ended(well=False)
        one.stage("experts/a (μ: a 1)", 4)
        one.skip(2)
        other.advance(2.0, "reward 2")
        one.ended(well=True)
        one.ended(well=False)
        other.advance(2.0, "reward 3")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "experts/a (μ: a 1) ..." and lines[3] == "experts/a: a guard is near its limit"
    notes = [(line.split(" of the")[0], line.split("left. ")[1]) for line in lines if "left" in line]
    assert notes == [
        ("25 %", "experts/a: reward 1"),
        ("50 %", "experts/b: reward 2"),
        ("75 %", "experts/b: reward 3"),
    ]


def test_a_stage_that_tells_nothing_for_long_is_named_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr("time.perf_counter", lambda: now)
    bar = RunProgress("demo", epochs=8).beside()
    bar.listen()
    bar.stage("experts/east", 4)
    silences = []
    for now in (0.9, 1.1, 1.2, 2.0, 2.2):  # the clock
        now *= progress.SILENCE
        capsys.readouterr()
        bar.listen()
        silences.append("experts/east: nothing heard for 15 minutes" in capsys.readouterr().err)
        if now > 1.3 * progress.SILENCE:
            bar.advance(0.1, "")
    assert silences == [False, True, False, False, False]
    bar.ended(well=True)
    now *= 9
    bar.listen()
    assert "nothing heard" not in capsys.readouterr().err
