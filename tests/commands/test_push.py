from __future__ import annotations

from pathlib import Path

import pytest

from rsoup_lightning.__main__ import main


def test_errors_are_a_line_and_nothing_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "run").mkdir()
    assert main(["push", str(tmp_path / "run"), "org/soup", "--output", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("rsoup: ") and "is no finished run and no pick" in error and error.count("\n") == 1
    assert not (tmp_path / "out").exists()
