"""Questions on documented Python functions, answered in a line."""

from rsoup_lightning.registry import Task
from tasks.text import INSTALL

TASK = Task(
    name="qa",
    summary="answer what a Python function does: in the words of its documentation, or in its sense",
    fine_tuner="tasks.qa.module:QAFineTuner",
    rewards={
        "overlap": "tasks.qa.rewards:Overlap",
        "sense": "tasks.qa.rewards:Sense",
        "brevity": "rsoup_lightning.modalities.language.rewards:Brevity",
    },
    recipe="qa/smollm2",
    install=INSTALL,
)
