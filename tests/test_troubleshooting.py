"""The page of messages quotes what the source says."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.conftest import ROOT

QUOTED = re.findall(r"^\| `([^`]+)` \|", (ROOT / "docs" / "howto" / "troubleshooting.md").read_text(), re.M)


@pytest.fixture(scope="module")
def said() -> list[str]:
    """Every text in the library, ``...`` for what is filled in."""
    files = (ROOT / "rsoup_lightning").rglob("*.py")
    return [text for file in files for node in ast.walk(ast.parse(file.read_text())) if (text := _text(node))]


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "..." for part in node.values)  # type: ignore[misc]
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


@pytest.mark.parametrize("message", QUOTED)
def test_a_message_is_still_in_the_source(message: str, said: list[str]) -> None:
    assert any(message in text for text in said)


def test_there_are_messages_of_every_part() -> None:
    page = Path(ROOT / "docs" / "howto" / "troubleshooting.md").read_text()
    sections = page.split("\n## ")[1:]
    assert len(sections) > 5 and all(section.count("\n| `") > 3 for section in sections)
