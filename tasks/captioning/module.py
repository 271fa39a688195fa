"""The captioning fine-tuner: a model that captions pictures."""

from __future__ import annotations

from rsoup_lightning.modalities.vision_language import VisionLanguageFineTuner
from tasks.captioning import TASK


class CaptioningFineTuner(VisionLanguageFineTuner):
    """Fine-tunes a CoCa on rewards of its captions."""

    task = TASK
