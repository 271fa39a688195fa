from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
import yaml

from rsoup_lightning.errors import RunFolderError
from rsoup_lightning.run.folders import folder as run_folder
from rsoup_lightning.run.folders.folder import RunFolder, environment_record, opened

ABOUT = {"versions": {}}
RECORD = {"preference": {"a": 1.0}, "seconds": 1.5, "sources": {}, "steps": 5, "unit": "tokens", "history": []}
CONFIG = {"task": "x", "trainer": {"max_epochs": 3, "callbacks": None}}


def begun(path: Path, config: Mapping[str, Any], about: Mapping[str, Any]) -> RunFolder:
    folder = RunFolder(path)
    folder.begin(config, about)
    return folder


def test_a_stage_is_done_when_its_weights_are_there(tmp_path: Path) -> None:
    folder = begun(tmp_path / "run", CONFIG, {"versions": {"torch": "1"}})
    folder.finish("init", RECORD)
    assert not folder.is_done("init")
    (tmp_path / "run" / "init").mkdir()
    (tmp_path / "run" / "init" / "policy.safetensors").touch()
    again = RunFolder(tmp_path / "run")
    assert again.begin(CONFIG, {"versions": {"torch": "2"}}) == {"torch": "1 -> 2"}
    assert again.is_done("init")
    assert again.stage("init") == RECORD


def test_stages_that_finish_at_the_same_instant_are_all_recorded(tmp_path: Path) -> None:
    folder = begun(tmp_path / "run", CONFIG, ABOUT)
    together = Barrier(8)

    def finish(number: int) -> None:
        with folder.only_worker(f"experts/{number}"):
            together.wait()
            folder.finish(f"experts/{number}", {**RECORD, "steps": number})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(finish, range(8)))
    assert [folder.stage(f"experts/{number}")["steps"] for number in range(8)] == [*range(8)]


def test_what_the_killed_were_writing_is_deleted_and_what_others_write_is_not(tmp_path: Path) -> None:
    folder = begun(tmp_path / "run", CONFIG, ABOUT)
    half = tmp_path / "run" / "experts" / "a" / ".last.ckpt.next.tmp"
    half.parent.mkdir(parents=True)
    half.touch()
    with folder.only_worker("experts/a"):
        folder.begin(CONFIG, ABOUT)
        assert half.exists()
    folder.begin(CONFIG, ABOUT)
    assert not half.exists()


def test_an_unreadable_record(tmp_path: Path) -> None:
    begun(tmp_path / "run", CONFIG, ABOUT)
    for text in ("{", "[" * 100_000, '{"id": "", "versions": {}, "inputs": {}, "x": "\\ud800"}'):
        (tmp_path / "run" / "run.json").write_text(text)
        with pytest.raises(RunFolderError, match=r"cannot read .*run\.json"):
            begun(tmp_path / "run", CONFIG, ABOUT)
    for text in ("[]", '{"versions": {}}', '{"id": "", "versions": 1, "inputs": {}}'):
        (tmp_path / "run" / "run.json").write_text(text)
        with pytest.raises(RunFolderError, match="not a record of a run"):
            begun(tmp_path / "run", CONFIG, ABOUT)


def test_an_unreadable_record_of_a_stage(tmp_path: Path) -> None:
    folder = begun(tmp_path / "run", CONFIG, ABOUT)
    for record in ("{", "[]", json.dumps({**RECORD, "steps": "5"}), json.dumps({**RECORD, "history": [{"loss": 1}]})):
        folder.finish("experts/east", RECORD)
        (tmp_path / "run" / "stages" / "experts" / "east.json").write_text(record)
        with pytest.raises(RunFolderError, match=r"stages/experts/east\.json.*: delete it, and the stage is computed"):
            folder.stage("experts/east")


def test_leftovers_of_a_kill_are_swept_up(tmp_path: Path) -> None:
    begun(tmp_path / "run", CONFIG, {"versions": {}})
    (tmp_path / "run" / "init").mkdir()
    (tmp_path / "run" / "init" / ".last.ckpt.77.tmp").touch()
    (tmp_path / "run" / "init" / ".risky.78.tmp" / ".inner.79.tmp").mkdir(parents=True)
    (tmp_path / "run" / "init" / ".risky.78.tmp" / "policy.safetensors").touch()
    begun(tmp_path / "run", CONFIG, {"versions": {}})
    assert not list((tmp_path / "run" / "init").iterdir())


def test_versions_of_absent_packages_are_null(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_folder, "PACKAGES", ("torch", "no-such-package"))
    record = environment_record([1], "cpu")
    assert record["versions"]["no-such-package"] is None
    assert record["versions"]["torch"]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    folder = tmp_path / "base"
    (folder / "1_Pooling").mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(bytes(100))
    (folder / "1_Pooling" / "config.json").write_text("{}")
    return folder


def test_a_base_made_anew_is_noticed_also_when_all_is_done(base: Path, tmp_path: Path) -> None:
    config = {**CONFIG, "model": {"base": str(base), "rewards": [{"init_args": {"model": "org/name"}}]}}
    begun(tmp_path / "run", config, ABOUT).finish("init", {})
    begun(tmp_path / "run", config, ABOUT)
    (base / "model.safetensors").write_bytes(bytes(99) + b"1")
    with pytest.raises(RunFolderError, match=r"base has changed .* began: model\.safetensors \(other content\); put"):
        begun(tmp_path / "run", config, ABOUT)
    (base / "model.safetensors").write_bytes(bytes(100))  # its time has changed, its content has not
    assert begun(tmp_path / "run", config, ABOUT).is_recorded("init")
    (base / "1_Pooling" / "config.json").rename(base / "config.json")
    with pytest.raises(RunFolderError, match=r"1_Pooling/config\.json \(gone\), config\.json \(new\)"):
        begun(tmp_path / "run", config, ABOUT)
    base.rename(tmp_path / "moved")
    with pytest.raises(RunFolderError, match=r"model\.safetensors \(gone\)"):
        begun(tmp_path / "run", config, ABOUT)


def test_files_that_are_new_to_a_configuration_are_remembered(base: Path, tmp_path: Path) -> None:
    config = {**CONFIG, "model": {"base": str(base)}}
    begun(tmp_path / "run", CONFIG, ABOUT)
    (tmp_path / "run" / "config.yaml").write_text(yaml.safe_dump(config))
    begun(tmp_path / "run", config, ABOUT)
    (base / "model.safetensors").unlink()
    with pytest.raises(RunFolderError, match="has changed"):
        begun(tmp_path / "run", config, ABOUT)


def test_other_files_stay_without_a_lock(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(RunFolderError, match="no run folder"), opened(tmp_path, CONFIG, ABOUT):
        pass
    with pytest.raises(RunFolderError, match="is a file"), opened(tmp_path / "thesis.tex", CONFIG, ABOUT):
        pass
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.tex"]


def test_one_process_at_a_time(tmp_path: Path) -> None:
    """The second is refused before it sweeps up what the first is writing."""
    with opened(tmp_path / "run", CONFIG, ABOUT):
        (tmp_path / "run" / ".last.ckpt.77.tmp").touch()
        with pytest.raises(RunFolderError, match="in use"), opened(tmp_path / "run", CONFIG, ABOUT):
            pass
        assert (tmp_path / "run" / ".last.ckpt.77.tmp").exists()
    with opened(tmp_path / "run", CONFIG, ABOUT):
        assert not (tmp_path / "run" / ".last.ckpt.77.tmp").exists()
