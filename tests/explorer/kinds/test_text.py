from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("nicegui")

from rsoup_lightning import load
from rsoup_lightning.explorer.choosing.selection import Selection
from rsoup_lightning.explorer.kinds.text import TextShowing
from tests.explorer.browsing import Watched, needs_browser
from tests.modalities.language.tiny import Sentences

ENDED = "() => [...document.querySelectorAll('.answer')].filter((each) => each.dataset.ended === 'true').length === 3"
SCORED = "() => document.querySelectorAll('.panel table').length === 3"


def _answers(page: Any) -> list[str]:
    page.wait_for_function(ENDED, timeout=60_000)
    return page.locator(".answer").all_text_contents()


@needs_browser
def test_answers_are_those_of_the_soup_and_follow_lambda(
    written: Path, writing: str, visit: Callable[..., Watched]
) -> None:
    page = visit(writing).open("/run/letters?at=early:0.25,late:0.75&prompt=the+big+cat&seed=5")
    soup = load(written)
    wanted = [
        soup.at(mix).generate(["the big cat"], seed=5)[0]
        for mix in ({"early": 1.0}, {"early": 0.25, "late": 0.75}, {"late": 1.0})
    ]
    assert _answers(page) == wanted
    assert page.locator(".answer").first.locator("mark").count() == 0
    page.wait_for_function(SCORED)
    assert page.locator(".panel table").first.locator("td").first.text_content() == "early"
    page.get_by_role("slider", name="λ, from early to late").press("End")
    page.wait_for_url("**at=early:0,late:1**")
    page.wait_for_function("() => document.querySelectorAll('.panel')[1].textContent.includes('late 1')")
    answers = _answers(page)
    assert answers[1] == answers[2] == wanted[2]


@needs_browser
def test_another_prompt_is_asked_of_all_three(writing: str, visit: Callable[..., Watched]) -> None:
    page = visit(writing).open("/run/letters")
    before = _answers(page)
    page.get_by_label("a prompt of the run").select_option(index=2)
    page.wait_for_url("**prompt=*")
    chosen = page.get_by_label("prompt", exact=True).input_value()
    assert chosen == page.get_by_label("a prompt of the run").input_value()
    page.wait_for_function("(old) => document.querySelector('.answer').textContent !== old", arg=before[0])
    page.get_by_label("prompt", exact=True).fill("x" * 500)  # more than the model reads
    page.get_by_label("prompt", exact=True).blur()
    page.get_by_text("shorten").first.wait_for()
    assert page.get_by_text("shorten").count() == 3
    page.get_by_label("prompt", exact=True).fill("a dog")
    page.get_by_label("prompt", exact=True).blur()
    page.wait_for_function(SCORED)


@needs_browser
def test_eight_visitors_get_their_own_answers(written: Path, writing: str, visit: Callable[..., Watched]) -> None:
    """At once, each at a λ of their own: the same answers as alone."""
    mixes = [{"early": number / 8, "late": 1 - number / 8} for number in range(8)]
    pages = [visit(writing).open(f"/run/letters?at=early:{mix['early']},late:{mix['late']}&seed=2") for mix in mixes]
    soup = load(written)
    prompt = Sentences().entries("eval")[0].question
    wanted = [soup.at(mix).generate([prompt], seed=2)[0] for mix in mixes]
    assert [_answers(page)[1] for page in pages] == wanted
    assert len(set(wanted)) > 4
    assert "rsoup serve" in (pages[0].locator("pre").all_text_contents()[2])


def test_what_rewards_read_is_the_whole_answer(written: Path) -> None:
    soup = load(written)
    showing = TextShowing(soup, Selection(["early", "late"], {"prompt": "the cat"}))
    parts = list(showing.play({"early": 0.5, "late": 0.5}))
    rollout = showing.rollout(parts)
    assert rollout.texts["answer"] == soup.at(early=0.5, late=0.5).generate(["the cat"])
    assert rollout.mask.sum() == parts[-1].tokens and rollout.texts["question"] == ["the cat"]
