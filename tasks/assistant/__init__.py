"""Small talk with four wishes: friendly, to the point, brief, and as people answer."""

from rsoup_lightning.registry import Task
from tasks.text import INSTALL

TASK = Task(
    name="assistant",
    summary="answer in a conversation, on four rewards: friendly, to the point, brief, as people do",
    fine_tuner="rsoup_lightning.modalities.language:LanguageFineTuner",
    rewards={
        "friendly": "rsoup_lightning.modalities.language.rewards:Vader",
        "relevant": "rsoup_lightning.modalities.language.rewards:EmbeddingSimilarity",
        "brief": "rsoup_lightning.modalities.language.rewards:Brevity",
        "human": "rsoup_lightning.modalities.language.rewards:Rouge",
    },
    recipe="assistant/smollm2",
    install=INSTALL,
)
