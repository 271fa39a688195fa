"""News in one line: as a headline, or told again in a whole sentence."""

from rsoup_lightning.registry import Task
from tasks.text import INSTALL

TASK = Task(
    name="summarization",
    summary="news in one line: as a headline, or told again in a whole sentence",
    fine_tuner="rsoup_lightning.modalities.language:LanguageFineTuner",
    rewards={
        "headline": "tasks.summarization.rewards:Headline",
        "retold": "tasks.summarization.rewards:Retold",
        "brevity": "rsoup_lightning.modalities.language.rewards:Brevity",
    },
    recipe="summarization/smollm2",
    install=INSTALL,
)
