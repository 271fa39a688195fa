from __future__ import annotations

from urllib.parse import parse_qsl

import pytest

pytest.importorskip("nicegui")

from rsoup_lightning.explorer.choosing.selection import Selection

EXPERTS = ["risky", "cautious"]


def test_an_address_shows_the_same() -> None:
    first = Selection(EXPERTS, {"at": "risky:0.7,cautious:0.3", "prompt": "a & b?", "seed": "3"})
    again = Selection(EXPERTS, dict(parse_qsl(first.address[1:])))
    assert again.mix == {"risky": 0.7, "cautious": 0.3} and again.asked == {"prompt": "a & b?", "seed": "3"}
    assert first.complaint == ""


def test_a_wrong_address_is_said_and_shows_the_middle() -> None:
    selection = Selection(EXPERTS, {"at": "riski:1"})
    assert selection.mix == {"risky": 0.5, "cautious": 0.5} and "risky" in selection.complaint


def test_listeners_hear_of_changes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    addresses: list[str] = []
    monkeypatch.setattr("nicegui.ui.navigate.history.replace", addresses.append)
    selection, heard = Selection(EXPERTS, {}), []
    selection.on_move(lambda: heard.append("moved"))
    selection.on_ask(lambda: heard.append("asked"))
    selection.move(selection.mix)
    selection.move({"risky": 1.0, "cautious": 0.0})
    selection.ask(seed="3")
    selection.ask(seed="3")
    selection.ask(seed="")
    assert heard == ["moved", "asked", "asked"]
    assert addresses == ["?at=risky:1,cautious:0", "?at=risky:1,cautious:0&seed=3", "?at=risky:1,cautious:0"]
