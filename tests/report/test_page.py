"""The report as a browser's reader would take it: one file, nothing fetched, every point and what is shown of it."""

from __future__ import annotations

import base64
import html
import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rsoup_lightning.environment import Reading, Shown
from rsoup_lightning.errors import FrontError, RunFolderError
from rsoup_lightning.files import write_json
from rsoup_lightning.front.results import Point, front_record, record_of
from rsoup_lightning.report.page import WORDS, write_report
from rsoup_lightning.report.shown import as_json
from rsoup_lightning.report.tables import delimited
from rsoup_lightning.report.view import point_label
from tests.report.demo import demo_record
from tests.report.test_curves import stages

PUBLISHED = Path(__file__).parent.parent / "front" / "published"
NASTY = "a </script><!--<script> <b>bold</b>\n\"quoted\" 'too' $title ${shown} & &lt; 5 € {x}"


def _run(folder: Path, rewards: tuple[str, ...]) -> dict:
    points = []
    for index, name in enumerate(rewards):
        scores = {other: np.full(4, float(name == other)) for other in rewards}
        points.append(Point("expert", {other: float(name == other) for other in rewards}, {name: 1.0}, scores))
        each = Shown("seed 1", "</script><b>bold</b>", {"speed": [1.0, 2.0]})
        write_json(folder / "shown" / f"{index:03d}.json", {"shown": [as_json(each, folder)], "film": ""})
    record = front_record("demo", rewards, points, reference_point=None, training_cost={"soup": 1, "morl": 0})
    write_report(folder, record, shown=folder / "shown")
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
    assert _const(page, "shown")[0][0]["series"] == {"speed": [1.0, 2.0]}  # type: ignore[index]
    assert "</script><b>" not in page
    assert not re.search(r"\$[a-z]+\b", page.split("<script>")[0])
    with Image.open(tmp_path / "front.png") as image:
        assert image.width > 400


def test_films_stand_side_by_side(tmp_path: Path) -> None:
    record = _run(tmp_path, ("a", "b"))
    Image.new("RGB", (8, 8)).save(tmp_path / "shown" / "film.webp")
    write_json(tmp_path / "shown" / "000.json", {"shown": [], "film": "film.webp"})
    write_report(tmp_path, record, shown=tmp_path / "shown")
    assert 'img src="data:image/webp;base64,' in (tmp_path / "report.html").read_text()


def test_the_front_can_be_taken_away(tmp_path: Path) -> None:
    record = demo_record(2)
    write_report(tmp_path, record, shown=tmp_path)
    page = (tmp_path / "report.html").read_text()
    links = dict(re.findall(r'download="(front\.\w+)" href="data:[\w/]+;base64,([^"]+)"', page))
    assert json.loads(base64.b64decode(links["front.json"])) == record
    assert base64.b64decode(links["front.csv"]).decode() == delimited(record, ",")
    assert _const(page, "tabs") == delimited(record, "\t")


@pytest.mark.parametrize("rewards", [2, 3, 4])
def test_the_script_library_is_there_once_however_many_pictures(tmp_path: Path, rewards: int) -> None:
    write_report(tmp_path, demo_record(rewards, steps=3), shown=tmp_path)
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
    write_report(tmp_path, record, shown=tmp_path)
    page = html.unescape((tmp_path / "report.html").read_text())
    assert f"<p>{name} · {figures}</p>" in page
    assert all(f"<th>{reward}</th>" in page for reward in scores)


def _exchange(question: str, answer: str) -> Shown:
    """A completion, one reward that read it with its question and one that read no text."""
    return Shown(question, answer, read={"kind": Reading(f"{question}\n{answer}", 0.12345), "brief": Reading(None, -7)})


def _text_run(folder: Path, shown: dict[int, list[Shown]]) -> dict:
    """A report of the demo front, with these things shown by point."""
    record = demo_record(2, steps=3)
    for index, found in shown.items():
        write_json(folder / f"{index:03d}.json", {"shown": [as_json(each, folder) for each in found], "film": ""})
    write_report(folder, record, shown=folder)
    return record


class _Elements(HTMLParser):
    """What a browser makes of a page: the rows of the audit table, the entries of each select element."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.scripts = self.audits = 0
        self.audit: list[list[str]] = []
        self.options: dict[str, list[str]] = {}
        self.chosen: dict[str, str] = {}
        self._select = ""
        self._inside = False
        self._sink: list[str] | None = None
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.scripts += tag == "script"
        if tag == "details":
            self.audits += 1
            self._inside = True
        elif tag == "tr" and self._inside:
            self.audit.append([])
        elif tag == "select":
            self._select = values["id"] or ""
            self.options[self._select] = []
        elif (tag == "td" and self._inside) or tag == "option":
            self._sink = self.options[self._select] if tag == "option" else self.audit[-1]
            self._sink.append("")
            if "selected" in values:
                self.chosen[self._select] = values["value"] or ""

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "details"
        if tag in ("td", "option"):
            self._sink = None

    def handle_data(self, data: str) -> None:
        if self._sink is not None:
            self._sink[-1] += data


def test_the_audit_shows_exactly_what_rewards_read(tmp_path: Path) -> None:
    record = _text_run(tmp_path, {4: [_exchange(f"{n} {NASTY}", NASTY) for n in range(8)], 0: [_exchange("no", "no")]})
    assert record["points"][-1]["kind"] == "init" and record["points"][4]["kind"] == "morl"
    assert _Elements((tmp_path / "report.html").read_text()).audits == 0  # init has nothing shown in this folder
    _text_run(tmp_path, {5: [_exchange(f"{n} {NASTY}", NASTY) for n in range(8)]})
    elements = _Elements((tmp_path / "report.html").read_text())
    head, *rows = elements.audit
    assert head == []
    assert rows == [[f"{n} {NASTY}", "kind", f"{n} {NASTY}\n{NASTY}", "0.123"] for n in range(5)]


def test_any_completion_reaches_the_script_as_it_is_and_ends_nothing(tmp_path: Path) -> None:
    simple, nasty = tmp_path / "simple", tmp_path / "nasty"
    for folder, answer in ((simple, "fine"), (nasty, NASTY)):
        _text_run(folder, {0: [_exchange("q", answer)]})
    page = (nasty / "report.html").read_text()
    (each,) = _const(page, "shown")[0]  # type: ignore[index]
    assert each == as_json(_exchange("q", NASTY), tmp_path)
    assert "<!--" not in page.split("const shown")[1]  # with <script> after it, </script> would not end the script
    scripts = [_Elements((folder / "report.html").read_text()).scripts for folder in (simple, nasty)]
    assert scripts[0] == scripts[1]


def test_every_point_can_be_chosen_and_compared_with_init_or_the_first_expert(tmp_path: Path) -> None:
    record = _text_run(tmp_path, {0: [_exchange("q", "yes")], 5: [_exchange("q", "no")]})
    elements = _Elements((tmp_path / "report.html").read_text())
    labels = [point_label(point) for point in record["points"]]
    assert elements.options == {"point": ["none yet", *labels], "baseline": labels}
    assert elements.chosen["baseline"] == "5"
    record["points"] = [point for point in record["points"] if point["kind"] != "init"]
    write_report(tmp_path, record, shown=tmp_path)
    elements = _Elements((tmp_path / "report.html").read_text())
    first = record["points"][int(elements.chosen["baseline"])]
    assert first["kind"] == "expert" and first["coefficients"]["reward_a"] == 1


def test_no_comparison_where_no_reward_reads_text(tmp_path: Path) -> None:
    moved = Shown("seed 3", "1000 steps", {"speed": [1.0]}, read={"risky": Reading(None, 2.0)})
    record = _text_run(tmp_path, {index: [moved] for index in range(6)})
    elements = _Elements((tmp_path / "report.html").read_text())
    assert elements.audits == 0
    assert elements.options == {"point": ["none yet", *(point_label(point) for point in record["points"])]}


def test_a_policy_that_diverged_is_shown_with_gaps(tmp_path: Path) -> None:
    _text_run(tmp_path, {0: [Shown("seed 3", "2 steps", {"speed": [float("inf"), 1.0, float("nan")]})]})
    page = (tmp_path / "report.html").read_text()
    assert _const(page, "shown")[0][0]["series"] == {"speed": [None, 1.0, None]}  # type: ignore[index]
    assert "NaN" not in page.split("const shown")[1].split("const box")[0]


def test_shown_that_cannot_be_shown_are_named(tmp_path: Path) -> None:
    _text_run(tmp_path, {0: [Shown("dog", picture=b"dog")]})
    (picture,) = tmp_path.glob("*.webp")
    before = (tmp_path / "report.html").read_text()
    picture.unlink()
    with pytest.raises(RunFolderError, match=rf"cannot read the picture .*{picture.name}.*delete front\.json"):
        write_report(tmp_path, demo_record(2, steps=3), shown=tmp_path)
    (tmp_path / "000.json").write_text('{"shown": [')
    with pytest.raises(RunFolderError, match=r"000\.json"):
        write_report(tmp_path, demo_record(2, steps=3), shown=tmp_path)
    assert (tmp_path / "report.html").read_text() == before


def test_learning_curves_are_drawn_where_there_is_a_history(tmp_path: Path) -> None:
    record = _text_run(tmp_path, {})
    assert 'id="learning"' not in (tmp_path / "report.html").read_text()
    write_report(tmp_path, record, shown=tmp_path, seeds=[stages()])
    page = (tmp_path / "report.html").read_text()
    assert page.index('id="front"') < page.index('id="learning"')
    assert "<script src" not in page


def test_what_averaged_adapters_have_lost_is_said(tmp_path: Path) -> None:
    record = _text_run(tmp_path, {})
    seeds = [stages() | {"rounds/0/start": {"sources": {"init": ""}, "lost": lost}} for lost in (0.02, 0.04)]
    write_report(tmp_path, record, shown=tmp_path, seeds=seeds)
    assert "rounds/0/start lacks 3.0% of the averaged updates" in (tmp_path / "report.html").read_text()
    seeds[0]["rounds/0/start"]["lost"] = 0.0
    write_report(tmp_path, record, shown=tmp_path, seeds=seeds[:1])
    assert "of the averaged updates" not in (tmp_path / "report.html").read_text()


def test_scores_that_are_not_finite_are_named(tmp_path: Path) -> None:
    record = demo_record(2, steps=3)
    record["points"][1]["scores"]["reward_a"] = float("nan")
    with pytest.raises(FrontError, match=r"points\[1\]\.scores\.reward_a is nan, not a finite number"):
        write_report(tmp_path, record, shown=tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not shutil.which("node"), reason="needs node to run the page's script")
@pytest.mark.parametrize(
    ("before", "after", "marked"),
    [
        ("the cat sat", "the cat sat", []),
        ("the cat sat", "the  fat cat\nsat down", ["fat", "down"]),
        ("a b c d e", "c a b d x", ["c", "x"]),
        ("", "all new", ["all", "new"]),
        ("all gone", "", []),
        ("x the end", "the the end the", ["the", "the"]),
        ("b", NASTY, [word for word in NASTY.split() if word != "b"]),
    ],
)
def test_words_outside_the_longest_common_subsequence_are_marked(
    tmp_path: Path, before: str, after: str, marked: list[str]
) -> None:
    call = f"console.log(JSON.stringify(differences({json.dumps(before)}, {json.dumps(after)})))"
    done = subprocess.run(["node", "-e", f"{WORDS.read_text()}\n{call}"], capture_output=True, text=True, check=True)
    pieces = json.loads(done.stdout)
    assert "".join(piece for piece, _ in pieces) == after
    assert [piece for piece, is_new in pieces if is_new] == marked
