"""Movie reviews: continue one so that readers of one kind or another find it positive."""

from rsoup_lightning.registry import Task
from tasks.text import INSTALL

TASK = Task(
    name="review",
    summary="continue a movie review: positive to two kinds of readers, or brief",
    fine_tuner="rsoup_lightning.modalities.language:LanguageFineTuner",
    rewards={
        "imdb": "tasks.review.rewards:ImdbSentiment",
        "rotten_tomatoes": "tasks.review.rewards:RottenTomatoesSentiment",
        "critic": "tasks.review.rewards:CriticStyle",
        "vader": "rsoup_lightning.modalities.language.rewards:Vader",
        "brevity": "rsoup_lightning.modalities.language.rewards:Brevity",
    },
    recipe="review/smollm2",
    install=INSTALL,
)
