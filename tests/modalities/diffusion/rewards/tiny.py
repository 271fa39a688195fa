"""Models with random weights, of the classes that rewards load, saved to folders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

CLIP = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 12, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}
PREPROCESSING = {"size": 32, "mean": [0.4, 0.5, 0.6], "std": [0.2, 0.3, 0.4], "interpolation": "bicubic"}


def clip(folder: Path) -> str:
    """The name of a CLIP in a folder."""
    import open_clip

    model = open_clip.CLIP(**CLIP)
    _randomise(model)
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": CLIP, "preprocess_cfg": PREPROCESSING}))
    return f"local-dir:{folder}"


def beit(folder: Path, labels: tuple[str, ...] = ("not_aesthetic", "aesthetic", "neither")) -> str:
    """The folder of a classifier, of the class of the cafe aesthetic."""
    from transformers import BeitConfig, BeitForImageClassification, BeitImageProcessor

    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16}
    names = {"id2label": dict(enumerate(labels)), "label2id": {label: index for index, label in enumerate(labels)}}
    model = BeitForImageClassification(BeitConfig(**sizes, **names, image_size=24, patch_size=8))
    _randomise(model)
    model.save_pretrained(folder)
    square = {"height": 24, "width": 24}
    processor = BeitImageProcessor(size=square, crop_size=square, do_center_crop=False, image_mean=[0.4, 0.5, 0.6])
    processor.save_pretrained(folder)
    return str(folder)


def _randomise(model: Any) -> None:
    """Weights large enough that pictures differ clearly."""
    dice = torch.Generator().manual_seed(0)
    for weight in model.parameters():
        if weight.dim() > 0:
            torch.nn.init.normal_(weight, std=0.3, generator=dice)
