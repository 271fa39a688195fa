from __future__ import annotations

import re

import pytest

from rsoup_lightning.captions.characters import DIGITS, LETTERS, MARKS, SYMBOLS

KINDS = {"letter": LETTERS, "digit": DIGITS, "mark": MARKS, "symbol": SYMBOLS}


@pytest.mark.parametrize(
    ("character", "kind"),
    [
        ("é", "letter"),
        ("ß", "letter"),
        ("त", "letter"),
        ("漢", "letter"),
        ("٣", "digit"),
        ("\u094d", "mark"),  # the virama, inside words of Hindi
        ("€", None),  # written by name, by a rule of its own
        ("→", "symbol"),
        ("ꞔ", None),  # a letter since Unicode 12
        (" ", None),
    ],
)
def test_each_character_is_of_one_kind(character: str, kind: str | None) -> None:
    found = [name for name, inside in KINDS.items() if re.fullmatch(f"[{inside}]", character)]
    assert found == ([kind] if kind else [])
