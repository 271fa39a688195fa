from __future__ import annotations

from pathlib import Path

import pytest

from rsoup_lightning import run_folder
from rsoup_lightning.errors import RunFolderError
from rsoup_lightning.run_folder import RunFolder, claim, environment_record

CONFIG = {"task": "x", "trainer": {"max_epochs": 3, "callbacks": None}}


def test_a_stage_is_done_when_its_weights_are_there(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run", CONFIG, {"versions": {"torch": "1"}})
    folder.finish("init", {"steps": 5})
    assert not folder.is_done("init")
    (tmp_path / "run" / "init").mkdir()
    (tmp_path / "run" / "init" / "policy.safetensors").touch()
    again = RunFolder(tmp_path / "run", CONFIG, {"versions": {"torch": "2"}})
    assert again.is_done("init")
    assert again.changed_versions == {"torch": "1 -> 2"}
    assert again.stage("init") == {"state": "done", "steps": 5}


def test_what_differs_is_said(tmp_path: Path) -> None:
    claim(tmp_path / "run", CONFIG)
    other = {"task": "x", "trainer": {"max_epochs": 4, "callbacks": None}, "model": {"lr": 0.1}}
    with pytest.raises(RunFolderError) as caught:
        claim(tmp_path / "run", other)
    assert "trainer.max_epochs: 3 in the folder, 4 now" in str(caught.value)
    assert "model: None in the folder, {'lr': 0.1} now" in str(caught.value)


def test_a_folder_of_other_files_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(RunFolderError, match="no run folder"):
        claim(tmp_path, CONFIG)


def test_an_unreadable_record(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run", CONFIG, {"versions": {}})
    (tmp_path / "run" / "run.json").write_text("{")
    with pytest.raises(RunFolderError, match="not readable"):
        folder.is_done("init")


def test_leftovers_of_a_kill_are_swept_up(tmp_path: Path) -> None:
    RunFolder(tmp_path / "run", CONFIG, {"versions": {}})
    (tmp_path / "run" / "init").mkdir()
    (tmp_path / "run" / "init" / ".last.ckpt.77.tmp").touch()
    RunFolder(tmp_path / "run", CONFIG, {"versions": {}})
    assert not list((tmp_path / "run" / "init").iterdir())


def test_a_damaged_configuration(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("{unclosed")
    with pytest.raises(RunFolderError, match=r"config\.yaml is not readable"):
        claim(tmp_path, CONFIG)


def test_versions_of_absent_packages_are_null(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_folder, "PACKAGES", ("torch", "no-such-package"))
    record = environment_record([1], "cpu")
    assert record["versions"]["no-such-package"] is None
    assert record["versions"]["torch"]
