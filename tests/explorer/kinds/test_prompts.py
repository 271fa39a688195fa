from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("nicegui")

from rsoup_lightning import load
from rsoup_lightning.explorer.choosing.selection import Selection
from rsoup_lightning.explorer.kinds.prompts import Prompts, run_prompts
from tests.modalities.language.tiny import Sentences


def test_a_run_offers_what_it_was_measured_on(written: Path) -> None:
    soup, entries = load(written), Sentences().entries("eval")
    assert run_prompts(soup) == list(entries)
    assert Prompts(soup, Selection(soup.experts, {})).entry == entries[0]
    assert Prompts(soup, Selection(soup.experts, {"prompt": "own"})).entry.question == "own"


def test_a_run_without_prompts_offers_none(run: Path) -> None:
    assert run_prompts(load(run)) == []
