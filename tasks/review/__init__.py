"""Movie reviews: continue one as a viewer who liked the film, or as a critic."""

from rsoup_lightning.registry import Task
from tasks.text import INSTALL

TASK = Task(
    name="review",
    summary="continue a movie review: as a viewer who liked the film, as a critic, or in brief",
    fine_tuner="rsoup_lightning.modalities.language:LanguageFineTuner",
    rewards={
        "liking": "tasks.review.rewards:Liking",
        "critic": "tasks.review.rewards:Critic",
        "imdb": "tasks.review.rewards:ImdbSentiment",
        "rotten_tomatoes": "tasks.review.rewards:RottenTomatoesSentiment",
        "vader": "rsoup_lightning.modalities.language.rewards:Vader",
        "brevity": "rsoup_lightning.modalities.language.rewards:Brevity",
    },
    recipe="review/smollm2",
    install=INSTALL,
)
