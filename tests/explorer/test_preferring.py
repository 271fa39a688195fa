from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("nicegui")

from rsoup_lightning import Front
from rsoup_lightning.explorer.choosing.mixing import of_address
from rsoup_lightning.explorer.preferring import compared_pairs
from tests.explorer.browsing import Watched, needs_browser
from tests.report.demo import demo_record
from tests.running import rsoup


def test_what_is_compared_is_a_trade() -> None:
    record = demo_record(3)
    scores = [[point["scores"][name] for name in record["rewards"]] for point in record["points"]]
    found = compared_pairs(record)
    assert len(found) > 50
    for one, other in found:
        gains = [a - b for a, b in zip(scores[one], scores[other], strict=True)]
        assert min(gains) < 0 < max(gains)
        assert {record["points"][one]["kind"], record["points"][other]["kind"]} <= {"soup", "expert"}


@needs_browser
def test_a_dozen_choices_find_a_preference(
    written: Path, writing: str, visit: Callable[..., Watched], tmp_path: Path
) -> None:
    """A visitor who always takes the answer of the point with more of one reward; λ and file say so."""
    front = Front.load(written)
    order = compared_pairs(front.record)
    early = [point["scores"]["early"] for point in front.points]
    page = visit(writing).open("/run/letters")
    page.get_by_role("button", name="Begin").click(timeout=60_000)
    for number in range(12):
        one, other = order[number % len(order)]
        page.get_by_role("button", name=f"{'A' if early[one] > early[other] else 'B'} is better").click()
        page.get_by_text(f"{number + 1} choices so far").wait_for()
    page.get_by_text("Your preference μ: early 1.00").wait_for()
    again = visit(writing).open(page.url[len(writing.rstrip("/")) :])  # a link shows the same
    again.get_by_text("12 choices so far").wait_for(timeout=60_000)
    again.get_by_text("Your preference μ: early 1.00").wait_for()
    panel = page.get_by_role("article", name="A", exact=True)
    assert "late" not in (panel.text_content() or "")  # it keeps its λ to itself
    with page.expect_download() as saved:
        page.get_by_role("button", name="Download the choices").click()
    saved.value.save_as(tmp_path / "choices.json")
    choices = json.loads((tmp_path / "choices.json").read_text())
    wanted = front.pick_by_choices(choices)
    assert len(choices) == 12 and wanted.preference["early"] > 0.99
    page.get_by_role("button", name="Take this λ").click()
    page.wait_for_url(lambda url: "at=early:0.5," not in url)
    mix = of_address(page.url.partition("at=")[2].partition("&")[0], front.experts)
    assert mix == pytest.approx(wanted.coefficients, abs=1e-4)
    command = page.locator("pre").filter(has_text="rsoup pick").text_content()
    rsoup(*shlex.split(command)[1:], cwd=tmp_path)
    assert json.loads((tmp_path / "picked" / "pick.json").read_text())["coefficients"] == wanted.coefficients
