"""Metrics of captions: functions of one caption here, without PyTorch; classes for a corpus in ``captions.metrics``."""

from rsoup_lightning.captions.bleu import BleuCounts, bleu, bleu_counts, bleu_of
from rsoup_lightning.captions.caption import Caption, References, prepare, read
from rsoup_lightning.captions.cider import cider, cider_d
from rsoup_lightning.captions.frequencies import DocumentFrequencies
from rsoup_lightning.captions.meteor import meteor, wordnet_synonyms
from rsoup_lightning.captions.rouge import rouge_l
from rsoup_lightning.captions.tokens import tokenise

__all__ = [
    "BleuCounts",
    "Caption",
    "DocumentFrequencies",
    "References",
    "bleu",
    "bleu_counts",
    "bleu_of",
    "cider",
    "cider_d",
    "meteor",
    "prepare",
    "read",
    "rouge_l",
    "tokenise",
    "wordnet_synonyms",
]
