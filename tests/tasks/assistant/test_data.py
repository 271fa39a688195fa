from __future__ import annotations

from tasks.assistant.data import Conversations
from tests.conftest import needs

pytestmark = needs("chatterbot_corpus")


def test_exchanges() -> None:
    data = Conversations()
    entries = [*data.entries("eval"), *data.entries("train")]
    assert len(entries) > 380
    assert all(len(entry.question) > 1 and entry.reference and "\n" not in entry.question for entry in entries)
    answers = {entry.question: entry.reference for entry in entries}
    assert answers["What is AI?"].startswith("Artificial Intelligence is the branch of engineering")


def test_requests_for_programs_and_trivia_are_left_out() -> None:
    data = Conversations()
    questions = {entry.question for entry in [*data.entries("eval"), *data.entries("train")]}
    assert not questions & {
        "can you write a linked list in Python?",
        "Which planet is the hottest in the solar system?",
    }
