"""The assistant fine-tuner: a language model that converses."""

from __future__ import annotations

from rsoup_lightning.modalities.language import LanguageFineTuner
from tasks.assistant import TASK


class AssistantFineTuner(LanguageFineTuner):
    """Fine-tunes a language model on rewards of what it writes."""

    task = TASK
