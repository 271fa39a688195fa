"""Small talk with two wishes: a friendly tone, and a short sentence."""

from rsoup_lightning.registry import Task
from tasks.text import INSTALL

TASK = Task(
    name="assistant",
    summary="answer in a conversation: in a friendly tone, or in one short sentence",
    fine_tuner="rsoup_lightning.modalities.language:LanguageFineTuner",
    rewards={
        "friendly": (
            "rsoup_lightning.modalities.language.rewards:Vader",
            {"per_sentence": True, "allow_empty_answers": True},
        ),
        "brief": ("tasks.assistant.rewards:ToThePoint", {"words": 6}),
        "relevant": (
            "rsoup_lightning.modalities.language.rewards:EmbeddingSimilarity",
            {"against": "reference", "allow_empty_answers": True},
        ),
    },
    recipe="assistant/smollm2",
    install=INSTALL,
)
