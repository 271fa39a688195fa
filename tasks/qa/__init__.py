"""Questions on documented Python functions, answered in a line."""

from rsoup_lightning.registry import Task
from tasks.text import INSTALL

TASK = Task(
    name="qa",
    summary="answer what a Python function does: in the sense of its documentation, or in a short sentence",
    fine_tuner="rsoup_lightning.modalities.language:LanguageFineTuner",
    rewards={
        "sense": (
            "rsoup_lightning.modalities.language.rewards:EmbeddingSimilarity",
            {"against": "reference", "allow_empty_answers": True},
        ),
        "brief": ("rsoup_lightning.modalities.language.rewards:NearLength", {"words": 7, "whole": True}),
        "overlap": (
            "rsoup_lightning.modalities.language.rewards:ContentOverlap",
            {"against": "reference", "allow_empty_answers": True},
        ),
    },
    recipe="qa/smollm2",
    install=INSTALL,
)
