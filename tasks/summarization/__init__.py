"""News in one line: in the style of headlines, or faithful to the article."""

from rsoup_lightning.registry import Task
from tasks.text import INSTALL

TASK = Task(
    name="summarization",
    summary="a headline for a news article: in the style of headlines, or close to what it says",
    fine_tuner="rsoup_lightning.modalities.language:LanguageFineTuner",
    rewards={
        "quality": "tasks.summarization.rewards:Headline",
        "faithfulness": "rsoup_lightning.modalities.language.rewards:EmbeddingSimilarity",
        "brevity": "rsoup_lightning.modalities.language.rewards:Brevity",
    },
    recipe="summarization/smollm2",
    install=INSTALL,
)
