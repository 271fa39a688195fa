from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("nicegui")

from nicegui import Client, ui
from nicegui.page import page

from rsoup_lightning import Front
from rsoup_lightning.explorer.choosing.selection import Selection
from rsoup_lightning.explorer.episodes.episodes import episode
from rsoup_lightning.explorer.kinds import control
from rsoup_lightning.explorer.kinds.showings import showing_of
from rsoup_lightning.modalities.control.film import gl_backend
from rsoup_lightning.playing.judging import Judge
from tests.explorer.browsing import Watched, needs_browser

ENDED = "() => [...document.querySelectorAll('.theatre')].filter((each) => each.dataset.ended === 'true').length === 3"

FILMED = "() => [...document.querySelectorAll('.theatre')].every((each) => Number(each.dataset.filmed) >= 40)"
SCORED = "() => [...document.querySelectorAll('.panel td')].filter((each) => each.textContent === 'risky').length === 3"


def test_an_episode_is_scored_as_evaluation_scores_it(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    front = Front.load(run)
    monkeypatch.setattr(front.soup.environment, "backend", "gymnasium")  # whose seeds the page's simulator has
    acting = front.soup.at(risky=0.75, cautious=0.25)
    (wanted,) = acting.rows(1, lambda policy, _: [front.soup.environment.evaluate(policy, torch.tensor([7]))])
    *_, last = episode(acting, 7)
    judge = Judge.load(run / "config.yaml", front.rewards)
    scores = judge.scores(last.played)
    assert set(scores) == {"risky", "cautious"}
    assert scores == {name: pytest.approx(values, rel=1e-6) for name, values in judge.scores(wanted).items()}


def test_without_opengl_the_page_says_so(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "camera", lambda: None)
    soup = Front.load(run).soup
    with Client(page("/nowhere")) as client:
        showing = showing_of(soup, Selection(soup.experts, {}))
        showing.ask()
        theatre: Any = showing.place("left")
    said = [element.content for element in client.elements.values() if isinstance(element, ui.html)]
    assert any("drawn as lines" in text and "libegl1" in text for text in said)
    assert theatre.props["films"] is False


@needs_browser
def test_three_episodes_are_played_and_follow_lambda(acting: str, visit: Callable[..., Watched]) -> None:
    page = visit(acting).open("/run/run")
    page.wait_for_function(ENDED, timeout=60_000)
    page.wait_for_function(SCORED)
    if gl_backend() is not None:
        page.wait_for_function(FILMED)
    theatres = page.locator(".theatre")
    assert [theatres.nth(number).get_attribute("data-steps") for number in range(3)] == ["40"] * 3
    inked = (
        """(canvas) => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.some((x) => x)"""
    )
    assert all(theatres.nth(number).locator("canvas").first.evaluate(inked) for number in range(3))
    page.get_by_role("slider", name="λ, from risky to cautious").press("End")
    page.get_by_text("risky 0 · cautious 1").nth(1).wait_for()  # the chosen one is the second expert now
    page.wait_for_function(ENDED)
    page.get_by_role("button", name="Pause").click()
    for number in range(2):
        page.get_by_label("step of the episode").fill(str(10 + number))
        page.get_by_text(f"step {10 + number}").wait_for()
    middle, right = (page.locator(".theatre .small").nth(number).text_content() for number in (1, 2))
    assert middle == right and "velocity" in middle  # the same policy from the same start


@needs_browser
def test_another_start_and_a_pin_are_in_the_address(acting: str, visit: Callable[..., Watched]) -> None:
    page = visit(acting).open("/run/run?at=risky:0.25,cautious:0.75")
    page.wait_for_function(ENDED, timeout=60_000)
    page.get_by_label("start (seed)").fill("7")
    page.get_by_label("start (seed)").blur()
    page.wait_for_url("**seed=7")
    page.get_by_label("beside it").first.select_option("the λ that is chosen now")
    page.wait_for_url("**left=risky:0.25,cautious:0.75")
    again = visit(acting).open(page.url[len(acting.rstrip("/")) :])
    again.wait_for_function(ENDED, timeout=60_000)
    assert again.get_by_text("risky 0.25 · cautious 0.75").count() == 3  # in the menu too
    assert again.get_by_label("start (seed)").input_value() == "7"
