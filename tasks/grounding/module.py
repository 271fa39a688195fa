"""The grounding fine-tuner: a model that finds things in pictures."""

from __future__ import annotations

from rsoup_lightning.modalities.vision_language import VisionLanguageFineTuner
from tasks.grounding import TASK


class GroundingFineTuner(VisionLanguageFineTuner):
    """Fine-tunes a CoCa on rewards of its boxes."""

    task = TASK
