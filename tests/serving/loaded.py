"""A process that serves three tiny soups, one of each kind of request; and the soups, to know what is right."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import Any

from rsoup_lightning.playing.soup import Soup
from rsoup_lightning.serving.call_engine import CallEngine
from rsoup_lightning.serving.points import Points
from rsoup_lightning.serving.text_engine import TextEngine
from tests.modalities.language import test_playing as writing
from tests.modalities.test_running_calls import acting
from tests.modalities.vision_language import test_playing as describing
from tests.serving.listening import serving_app
from tests.serving.parrot import app_of


def soups() -> dict[str, Soup]:
    """By modality; the same in every process."""
    return {"text": writing.soup(), "control": acting(), "pictures": describing.soup(False)[0]}


def engine(kind: str, soup: Soup) -> Any:
    """For few rows and little memory."""
    if kind == "text":
        return TextEngine(soup, max_rows=8, max_tokens=400, slice_tokens=16, max_queue=200)
    return CallEngine(soup, max_rows=8, max_queue=200)


def main() -> None:
    """Print where they are, and serve them until the standard input closes."""
    with ExitStack() as stack:
        for kind, soup in soups().items():
            played = stack.enter_context(engine(kind, soup))
            app = app_of(played, points=Points("tuned", soup), log=lambda line: None)
            print(stack.enter_context(serving_app(app)).url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
