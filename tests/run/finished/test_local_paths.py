from __future__ import annotations

from pathlib import Path

import pytest

from rsoup_lightning.run.finished.local_paths import local_names


@pytest.mark.parametrize("text", ["https://host/a/b", "org/name", "data/mine.jsonl", "/think", "a / b", "/no/such"])
def test_what_is_no_place_here_has_no_name(text: str) -> None:
    assert local_names({"text": [text, 3, None]}) == {}


def test_paths_within_texts_and_keys_are_found(tmp_path: Path) -> None:
    place, spaced = tmp_path / "data.json", tmp_path / "my data"
    spaced.mkdir()
    for content in ({str(place): 1}, [f"json://{place}"], f"local-dir:{place}", {"a": {"b": f"adapter:{place}, old"}}):
        assert local_names(content) == {str(place): "data.json"}
    assert local_names(str(spaced)) == {str(spaced): "my data"}
    assert local_names("~/models/x") == {"~/models/x": "x"}


def test_paths_that_end_alike_are_told_apart() -> None:
    assert local_names({"/tmp/run/a/lora": 0, "/tmp/run/b/lora": 1, "/tmp/run": 2}) == {
        "/tmp/run/a/lora": "a/lora",
        "/tmp/run/b/lora": "b/lora",
        "/tmp/run": "run",
    }


def test_what_is_of_the_hub_is_named_as_there() -> None:
    cached = "/tmp/hub/models--org--model-7b/snapshots/0a1b2c"
    assert local_names(cached) == {cached: "org/model-7b"}
