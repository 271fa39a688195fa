from __future__ import annotations

import math
from pathlib import Path

import pytest

from rsoup_lightning.captions import DocumentFrequencies, prepare
from rsoup_lightning.errors import ConfigError

IMAGES = [["a cat", "a black cat"], ["a dog"], ["two dogs"]]


def test_an_image_counts_once() -> None:
    frequencies = DocumentFrequencies.of(prepare(texts) for texts in IMAGES)
    assert frequencies.documents == 3
    assert frequencies.counts == {
        "a": 2,
        **dict.fromkeys(["cat", "black", "dog", "two", "dogs"], 1),
        **dict.fromkeys(["a cat", "a black", "black cat", "a dog", "two dogs", "a black cat"], 1),
    }
    squares = frequencies.squared_idf(["a", "cat", "zebra"])
    assert squares == pytest.approx([math.log(1.5) ** 2, math.log(3) ** 2, math.log(3) ** 2])


def test_saved_and_loaded(tmp_path: Path) -> None:
    frequencies = DocumentFrequencies.of(prepare(texts) for texts in [*IMAGES, ["piñata's ½"]])
    frequencies.save(tmp_path / "new" / "frequencies.json")
    again = DocumentFrequencies.load(tmp_path / "new" / "frequencies.json")
    assert (again.counts, again.documents) == (frequencies.counts, frequencies.documents)
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["frequencies.json"]


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", *(f'{{"documents": 2, "counts": {{"a": {count}}}}}' for count in ("3", '"x"', "1.0", "true"))],
)
def test_other_files_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"other\.json holds no document frequencies: ."):
        DocumentFrequencies.load(path)


def test_missing_files_and_empty_data_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.json"):
        DocumentFrequencies.load(tmp_path / "gone.json")
    with pytest.raises(ConfigError, match="0 documents"):
        DocumentFrequencies.of([])
