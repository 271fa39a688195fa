"""What people say to a chatbot, and answers to it."""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from rsoup_lightning.modalities.data import Entry
from tasks.text.cut import squeeze
from tasks.text.packaged import package_folder
from tasks.text.split import SplitData

NO_TALK = {"coding", "trivia"}
"""Topics of the corpus that ask for a program, or for a name or a number."""


class Conversations(SplitData):
    """The first utterances of the English small talk of chatterbot-corpus; the reference is the first answer.

    About 390 entries on the speaker, the one spoken to, feelings, food, sports, the sciences and more.
    """

    def load(self) -> Iterator[Entry]:
        for file in sorted((package_folder("chatterbot_corpus") / "data" / "english").glob("*.yml")):
            if file.stem in NO_TALK:
                continue
            for conversation in yaml.safe_load(file.read_bytes())["conversations"]:
                # the corpus holds a bare string among the lists
                if isinstance(conversation, list) and len(conversation) > 1:
                    question, answer = squeeze(conversation[0]), conversation[1].strip()
                    if len(question) > 1 and answer:
                        yield Entry(question, answer)
