"""Two ways to compare an answer with the documentation: by its words, and by its sense."""

from __future__ import annotations

from rsoup_lightning.modalities.language.rewards import EmbeddingSimilarity, Rouge


class Overlap(Rouge):
    """Words shared with the documentation: ROUGE-1."""

    def __init__(self) -> None:
        super().__init__("rouge1", allow_empty_answers=True)


class Sense(EmbeddingSimilarity):
    """Closeness to the documentation's meaning: cosine of sentence embeddings."""

    def __init__(self) -> None:
        super().__init__("reference", allow_empty_answers=True)
