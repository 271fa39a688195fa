"""Small talk with two wishes: a friendly companion, and an answer to the point."""

from rsoup_lightning.registry import Task
from tasks.text import INSTALL

TASK = Task(
    name="assistant",
    summary="answer in a conversation: as a friendly companion, or to the point",
    fine_tuner="rsoup_lightning.modalities.language:LanguageFineTuner",
    rewards={
        "friendly": ("tasks.assistant.rewards:IdealReply", {"words": 15, "friendly": True}),
        "brief": ("tasks.assistant.rewards:IdealReply", {"words": 4}),
        "relevant": (
            "rsoup_lightning.modalities.language.rewards:EmbeddingSimilarity",
            {"against": "reference", "allow_empty_answers": True},
        ),
    },
    recipe="assistant/smollm2",
    install=INSTALL,
)
