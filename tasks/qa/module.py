"""The qa fine-tuner: a language model that answers questions on Python."""

from __future__ import annotations

from rsoup_lightning.modalities.language import LanguageFineTuner
from tasks.qa import TASK


class QAFineTuner(LanguageFineTuner):
    """Fine-tunes a language model on rewards of what it answers."""

    task = TASK
