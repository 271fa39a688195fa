from __future__ import annotations

from pathlib import Path

import pytest

from rsoup_lightning.errors import OutputError
from rsoup_lightning.merging.write import check_apart, check_space


@pytest.mark.parametrize(
    ("output", "source", "apart"),
    [
        ("out", "in", True),
        ("out", "out2", True),
        ("out", "out", False),
        ("in/out", "in", False),
        ("out", "out/in", False),
        ("in/../in", "in", False),
        ("link/out", "in", False),
    ],
)
def test_an_output_lies_apart_from_what_is_read(
    output: str, source: str, apart: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    Path("link").symlink_to("in")
    if apart:
        check_apart(Path(output), [Path(source)])
        return
    with pytest.raises(OutputError, match=f"{output} and {source} lie in each other"):
        check_apart(Path(output), [Path(source)])


def test_room_is_asked_for_where_the_output_will_be(tmp_path: Path) -> None:
    check_space(tmp_path / "not" / "yet" / "there", 1)
    with pytest.raises(OutputError, match=r"there needs 1000000000\.0 GB, and the disk has"):
        check_space(tmp_path / "not" / "yet" / "there", 10**18)
