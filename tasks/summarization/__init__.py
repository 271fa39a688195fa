"""News in one line: as a headline, or all that one sentence can tell."""

from rsoup_lightning.registry import Task
from tasks.text import INSTALL

TASK = Task(
    name="summarization",
    summary="news in one line: as a headline, or all that one sentence can tell",
    fine_tuner="rsoup_lightning.modalities.language:LanguageFineTuner",
    rewards={
        "headline": "tasks.summarization.rewards:Headline",
        "informative": "tasks.summarization.rewards:Informative",
        "brevity": "rsoup_lightning.modalities.language.rewards:Brevity",
    },
    recipe="summarization/smollm2",
    install=INSTALL,
)
