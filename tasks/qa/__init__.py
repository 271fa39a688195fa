"""Questions on documented Python functions, answered in a line."""

from rsoup_lightning.registry import Task
from tasks.text import INSTALL

TASK = Task(
    name="qa",
    summary="answer what a Python function does: in a few words, or in a full sentence",
    fine_tuner="rsoup_lightning.modalities.language:LanguageFineTuner",
    rewards={
        "few": ("rsoup_lightning.modalities.language.rewards:IdealLength", {"words": 4, "reach": 10}),
        "full": ("rsoup_lightning.modalities.language.rewards:IdealLength", {"words": 16, "reach": 10}),
        "sense": (
            "rsoup_lightning.modalities.language.rewards:EmbeddingSimilarity",
            {"against": "reference", "allow_empty_answers": True},
        ),
        "overlap": (
            "rsoup_lightning.modalities.language.rewards:ContentOverlap",
            {"against": "reference", "allow_empty_answers": True},
        ),
    },
    recipe="qa/smollm2",
    install=INSTALL,
)
