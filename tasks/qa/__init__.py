"""Questions on documented Python functions, answered in a line."""

from rsoup_lightning.registry import Task
from tasks.text import INSTALL

TASK = Task(
    name="qa",
    summary="answer what a Python function does: in the words of its documentation, or in its sense",
    fine_tuner="rsoup_lightning.modalities.language:LanguageFineTuner",
    rewards={
        "overlap": (
            "rsoup_lightning.modalities.language.rewards:Rouge",
            {"kind": "rouge1", "allow_empty_answers": True},
        ),
        "sense": (
            "rsoup_lightning.modalities.language.rewards:EmbeddingSimilarity",
            {"against": "reference", "allow_empty_answers": True},
        ),
        "brevity": "rsoup_lightning.modalities.language.rewards:Brevity",
    },
    recipe="qa/smollm2",
    install=INSTALL,
)
