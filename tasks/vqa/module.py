"""The vqa fine-tuner: a model that answers questions on pictures."""

from __future__ import annotations

from rsoup_lightning.modalities.vision_language import VisionLanguageFineTuner
from tasks.vqa import TASK


class VQAFineTuner(VisionLanguageFineTuner):
    """Fine-tunes a CoCa on rewards of its answers."""

    task = TASK
