from __future__ import annotations

from tasks.assistant.data import Conversations
from tests.conftest import needs

pytestmark = needs("chatterbot_corpus")


def test_exchanges() -> None:
    data = Conversations()
    entries = [*data.entries("eval"), *data.entries("train")]
    assert len(entries) > 700
    assert all(len(entry.question) > 1 and entry.reference and "\n" not in entry.question for entry in entries)
    answers = {entry.question: entry.reference for entry in entries}
    assert answers["Who was the 37th President of the United States?"] == "Richard Nixon"
    assert answers["What is AI?"].startswith("Artificial Intelligence is the branch of engineering")
