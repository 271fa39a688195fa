"""The summarization fine-tuner: a language model that writes headlines."""

from __future__ import annotations

from rsoup_lightning.modalities.language import LanguageFineTuner
from tasks.summarization import TASK


class SummarizationFineTuner(LanguageFineTuner):
    """Fine-tunes a language model on rewards of what it writes."""

    task = TASK
