"""The report as a browser's reader would take it: one file, nothing fetched, every point and sample in it."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rsoup_lightning.environment import Sample
from rsoup_lightning.files import write_json
from rsoup_lightning.report import point_label, write_report
from rsoup_lightning.results import Point, front_record


def _run(folder: Path, rewards: tuple[str, ...]) -> dict:
    points = []
    for index, name in enumerate(rewards):
        scores = {other: np.full(4, float(name == other)) for other in rewards}
        points.append(Point("expert", {other: float(name == other) for other in rewards}, {name: 1.0}, scores))
        sample = Sample("seed 1", "</script><b>bold</b>", {"speed": [1.0, 2.0]})
        write_json(folder / "samples" / f"{index:03d}.json", {"samples": [asdict(sample)], "film": ""})
    record = front_record("demo", rewards, points, reference_point=None, training_cost={"soup": 1, "morl": 0})
    write_report(folder, record, samples=folder / "samples")
    return record


@pytest.mark.parametrize("rewards", [("a", "b"), ("a", "b", "c"), ("a",)])
def test_self_contained_with_every_point(tmp_path: Path, rewards: tuple[str, ...]) -> None:
    record = _run(tmp_path, rewards)
    page = (tmp_path / "report.html").read_text()
    assert not re.search(r'<(script|link|img)[^>]+(src|href)="?https?:', page)
    assert all(point_label(point) in page for point in record["points"])
    samples = json.loads(re.search(r"const samples = (.*), labels", page).group(1))  # type: ignore[union-attr]
    assert samples[0][0]["series"] == {"speed": [1.0, 2.0]}
    assert "</script><b>" not in page
    assert not re.search(r"\$[a-z]+\b", page.split("<script>")[0])
    with Image.open(tmp_path / "front.png") as image:
        assert image.width > 400


def test_films_stand_side_by_side(tmp_path: Path) -> None:
    record = _run(tmp_path, ("a", "b"))
    Image.new("RGB", (8, 8)).save(tmp_path / "samples" / "film.webp")
    write_json(tmp_path / "samples" / "000.json", {"samples": [], "film": "film.webp"})
    write_report(tmp_path, record, samples=tmp_path / "samples")
    assert 'img src="data:image/webp;base64,' in (tmp_path / "report.html").read_text()
