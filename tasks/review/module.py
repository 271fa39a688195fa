"""The review fine-tuner: a language model that continues movie reviews."""

from __future__ import annotations

from rsoup_lightning.modalities.language import LanguageFineTuner
from tasks.review import TASK


class ReviewFineTuner(LanguageFineTuner):
    """Fine-tunes a language model on rewards of the reviews it writes."""

    task = TASK
