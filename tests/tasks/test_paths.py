"""What recipes of several tasks say of files."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.captioning.data import KarpathyCaptions
from tasks.grounding.data import RefCocoFiles
from tasks.text.jsonl import RecordsFile
from tasks.vqa.data import VqaFiles


def test_files_in_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    captions = KarpathyCaptions("~/a", "~/b")
    things = RefCocoFiles("~/a", "~/b", "~/c")
    questions = VqaFiles("~/a", "~/b", "~/c", "~/d", "~/e")
    paths = [RecordsFile("~/a.csv", question="q").path, captions.annotations, captions.images, things.refs]
    paths += [things.instances, things.images, *questions.files["train"], *questions.files["eval"], questions.images]
    assert {path.parent for path in paths} == {tmp_path}
