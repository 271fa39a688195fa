"""News in one line: close to the editor's headline, or faithful to the article."""

from rsoup_lightning.registry import Task

TASK = Task(
    name="summarization",
    summary="a headline for a news article: as its editor wrote it, or close to what it says",
    fine_tuner="tasks.summarization.module:SummarizationFineTuner",
    rewards={
        "quality": "rsoup_lightning.modalities.language.rewards:Rouge",
        "faithfulness": "rsoup_lightning.modalities.language.rewards:EmbeddingSimilarity",
        "brevity": "rsoup_lightning.modalities.language.rewards:Brevity",
    },
    recipe="conf/summarization/smollm2.yaml",
)
