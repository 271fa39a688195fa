"""A reward that a name alone does not make."""

from __future__ import annotations

from rsoup_lightning.modalities.vision_language.rewards import Bleu


class Bleu4(Bleu):
    """BLEU with n-grams of up to four words."""

    def __init__(self) -> None:
        super().__init__(order=4)
