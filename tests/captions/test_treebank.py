from __future__ import annotations

import re

import pytest

from rsoup_lightning.captions.tokens import tokenise
from rsoup_lightning.captions.treebank import RULES


def test_every_rule_takes_something_and_has_at_most_one_token() -> None:
    for _, rule in RULES:
        compiled = re.compile(rule)
        assert compiled.groups <= 1
        assert compiled.match("") is None


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("cannot", ["can", "not"]),
        ("don't", ["do", "n't"]),
        ("the U.S. Army", ["the", "u.s.", "army"]),
        ("a 3.5-inch disk", ["a", "3.5-inch", "disk"]),
        ("c++ or C#", ["c++", "or", "c#"]),
        ("me@there.org", ["me@there.org"]),
        ("50 km/h", ["50", "km/h"]),
    ],
)
def test_the_longest_rule_wins(text: str, tokens: list[str]) -> None:
    assert list(tokenise(text)) == tokens
