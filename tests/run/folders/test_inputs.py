from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from rsoup_lightning.run.folders.inputs import MANY, changes, fingerprint, inputs


def test_inputs_are_the_files_and_folders_that_are_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work, base = tmp_path / "work", tmp_path / "base"
    work.mkdir()
    base.mkdir()
    (work / "prompts.jsonl").touch()
    monkeypatch.chdir(work)
    monkeypatch.setenv("HOME", str(tmp_path))
    values = {
        "base": "~/base",
        "data": {"init_args": {"files": ["prompts.jsonl", "absent.jsonl"], "size": 3, "split": None}},
        "name": "org/model",
        "clip": f"local-dir:{tmp_path / 'base'}",
        "separator": "/",
        "here": [".", "..", str(tmp_path)],
        "template": "a long text\n" * 1000,
        "bytes": "\0",
    }
    assert list(inputs(values)) == ["~/base", "prompts.jsonl", str(tmp_path / "base")]


def test_a_fingerprint_has_every_files_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "base" / "sub").mkdir(parents=True)
    (tmp_path / "base" / ".cache").mkdir()
    (tmp_path / "base" / ".cache" / "download").touch()
    (tmp_path / "elsewhere").write_bytes(b"weights")
    (tmp_path / "base" / "model.bin").symlink_to(tmp_path / "elsewhere")  # as in the cache of the hub
    (tmp_path / "base" / "sub" / "config.json").write_text("{}")
    found = fingerprint(str(tmp_path / "base"), {})
    assert {name: (entry[0], entry[2]) for name, entry in found.items()} == {
        "model.bin": (7, hashlib.sha256(b"weights").hexdigest()),
        "sub/config.json": (2, hashlib.sha256(b"{}").hexdigest()),
    }
    monkeypatch.setenv("HOME", str(tmp_path))
    assert fingerprint("~/elsewhere", {})["elsewhere"][2] == found["model.bin"][2]


def test_what_looks_the_same_is_not_read_again(tmp_path: Path) -> None:
    file = tmp_path / "weights"
    file.write_bytes(b"weights")
    state = file.stat()
    assert fingerprint(str(file), {"weights": [7, state.st_mtime_ns, "known"]})["weights"][2] == "known"
    assert fingerprint(str(file), {"weights": [7, state.st_mtime_ns - 1, "known"]})["weights"][2] != "known"
    file.write_bytes(b"WEIGHTS")
    os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns + 1))
    assert changes({"weights": [7, state.st_mtime_ns, "known"]}, fingerprint(str(file), {}))


def test_of_many_pictures_names_and_sizes_count(tmp_path: Path) -> None:
    for index in range(MANY + 1):
        (tmp_path / f"{index}.png").touch()
    before = fingerprint(str(tmp_path), {})
    assert len(before) == 1
    assert fingerprint(str(tmp_path), before) == before
    (tmp_path / "7.png").write_bytes(b"1")
    assert changes(before, fingerprint(str(tmp_path), before))
