"""The diffusion fine-tuner: a model that draws pictures for prompts."""

from __future__ import annotations

from rsoup_lightning.modalities.diffusion import DiffusionFineTuner
from tasks.diffusion import TASK


class TextToImageFineTuner(DiffusionFineTuner):
    """Fine-tunes a Stable Diffusion pipeline on rewards of what it draws."""

    task = TASK
