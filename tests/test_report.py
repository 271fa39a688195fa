"""The report as a browser's reader would take it: one file, nothing fetched, every point and sample in it."""

from __future__ import annotations

import base64
import html
import json
import re
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rsoup_lightning.environment import Sample
from rsoup_lightning.files import write_json
from rsoup_lightning.plots.tables import delimited
from rsoup_lightning.plots.view import point_label
from rsoup_lightning.report import write_report
from rsoup_lightning.results import Point, front_record, record_of
from tests.plots.demo import demo_record

PUBLISHED = Path(__file__).parent / "published"


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


def _const(page: str, name: str) -> object:
    """What the page's script has under a name."""
    start = re.search(rf"\b{name} = ", page).end()  # type: ignore[union-attr]
    return json.JSONDecoder().raw_decode(page[start:])[0]


@pytest.mark.parametrize("rewards", [("a", "b"), ("a", "b", "c"), ("a",)])
def test_self_contained_with_every_point(tmp_path: Path, rewards: tuple[str, ...]) -> None:
    record = _run(tmp_path, rewards)
    page = (tmp_path / "report.html").read_text()
    assert not re.search(r'<(script|link|img)[^>]+(src|href)="?https?:', page)
    assert all(point_label(point) in page for point in record["points"])
    assert _const(page, "samples")[0][0]["series"] == {"speed": [1.0, 2.0]}  # type: ignore[index]
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


def test_the_front_can_be_taken_away(tmp_path: Path) -> None:
    record = demo_record(2)
    write_report(tmp_path, record, samples=tmp_path)
    page = (tmp_path / "report.html").read_text()
    links = dict(re.findall(r'download="(front\.\w+)" href="data:[\w/]+;base64,([^"]+)"', page))
    assert json.loads(base64.b64decode(links["front.json"])) == record
    assert base64.b64decode(links["front.csv"]).decode() == delimited(record, ",")
    assert _const(page, "tabs") == delimited(record, "\t")


@pytest.mark.parametrize("rewards", [2, 3, 4])
def test_the_script_library_is_there_once_however_many_pictures(tmp_path: Path, rewards: int) -> None:
    write_report(tmp_path, demo_record(rewards, steps=3), samples=tmp_path)
    page = (tmp_path / "report.html").read_text()
    assert page.count("plotly.js v") == 1
    pictures = {"front"} | ({"spider"} if rewards > 2 else set()) | ({"ternary"} if rewards == 3 else set())
    assert set(re.findall(r'<div id="(\w+)" class="plotly-graph-div"', page)) == pictures


@pytest.mark.parametrize(
    ("name", "rewards", "figures"),
    [
        ("news_summarization", ("quality", "faithfulness"), "soup hypervolume 0.6266 · LMC at 9 of 9 λ"),
        ("captioning", ("Bleu_1", "ROUGE_L"), "soup hypervolume 0.7073 · LMC at 9 of 9 λ"),
    ],
)
def test_published_fronts_as_a_report(tmp_path: Path, name: str, rewards: tuple[str, str], figures: str) -> None:
    points = json.loads((PUBLISHED / f"{name}.json").read_text())["points"]
    scores = {reward: [point[reward] for point in points] for reward in points[0] if reward != "lambda"}
    record = record_of(name, rewards, [(point["lambda"], 1 - point["lambda"]) for point in points], scores)
    write_report(tmp_path, record, samples=tmp_path)
    page = html.unescape((tmp_path / "report.html").read_text())
    assert f"<p>{name} · {figures}</p>" in page
    assert all(f"<th>{reward}</th>" in page for reward in scores)
