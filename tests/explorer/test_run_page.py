from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rsoup_lightning.files import read_value, write_json
from tests.explorer.browsing import Watched, demo_run, needs_browser, served

pytestmark = needs_browser


def test_a_run_is_explained(shown: str, visit: Callable[..., Watched]) -> None:
    page = visit(shown).open("/run/of_2")
    page.get_by_text("every λ (").wait_for()  # what it cost
    page.get_by_text("reward of an expert").first.wait_for()


def test_two_visitors_have_a_choice_each(shown: str, visit: Callable[..., Watched]) -> None:
    one, other = visit(shown).open("/run/of_2"), visit(shown).open("/run/of_2")
    other.get_by_role("slider").wait_for()
    one.get_by_role("slider").press("ArrowRight")
    one.wait_for_url("**at=reward_a:0.49,reward_b:0.51")
    other.wait_for_timeout(300)
    assert other.get_by_role("slider").input_value() == "0.5"


def test_outputs_are_not_offered_as_merged_files(shown: str, visit: Callable[..., Watched], tmp_path: Path) -> None:
    demo_run(tmp_path / "of_2", 2)
    front = read_value(tmp_path / "of_2" / "front.json")
    points = [{**point, "method": "outputs"} for point in front["points"]]
    write_json(tmp_path / "of_2" / "front.json", {**front, "points": points})
    with served(tmp_path / "of_2") as address:
        mixed, merged = visit(address).open("/run/of_2"), visit(shown).open("/run/of_2")
        for page in (mixed, merged):
            page.get_by_text("In Python:").wait_for()
        assert merged.get_by_text("merged into files").count() == 1
        assert mixed.get_by_text("merged into files").count() == 0
