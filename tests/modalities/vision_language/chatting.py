"""Vision-language chat models of today: the real classes and processors, tiny and with random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers

from tests.modalities.language.families import SIZES
from tests.modalities.language.tiny import tokenizer

TEMPLATE = """\
{%- for message in messages -%}
{{ message.role }}:
{%- for part in message.content -%}
{%- if part.type == 'image' -%} PICTURE {%- else -%} {{ part.text }} {%- endif -%}
{%- endfor -%}
<end>
{%- endfor -%}
{%- if add_generation_prompt -%} assistant: {%- endif -%}
"""
WORDS = 258  # of the tokenizer without what stands for pictures
EYES: dict[str, Any] = {"image_size": 32, "patch_size": 8, "hidden_size": 32, "intermediate_size": 48}
TEXT = {**SIZES, "max_position_embeddings": 512, "num_attention_heads": 4}


def qwen() -> tuple[Any, Any]:
    """Qwen 2.5 VL: positions of three dimensions, and as many tokens as a picture is large."""
    marks = ["<|vision_start|>", "<|image_pad|>", "<|vision_end|>", "<|video_pad|>"]
    words = _tokenizer(marks)
    numbers = dict(zip(("vision_start", "image", "vision_end", "video"), range(WORDS, WORDS + 4), strict=True))
    rope = {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [1, 1, 2]}
    config = transformers.Qwen2_5_VLConfig(
        text_config={**TEXT, "vocab_size": len(words), "rope_parameters": rope},
        vision_config={
            "hidden_size": 32,
            "intermediate_size": 48,
            "depth": 2,
            "num_heads": 2,
            "patch_size": 8,
            "out_hidden_size": 32,
            "spatial_merge_size": 2,
            "window_size": 32,
            "fullatt_block_indexes": [1],
        },
        **{f"{name}_token_id": number for name, number in numbers.items()},
        tie_word_embeddings=False,
    )
    sizes = {"patch_size": 8, "merge_size": 2, "min_pixels": 16 * 16, "max_pixels": 64 * 64}
    looking = transformers.Qwen2VLImageProcessor(**sizes)
    videos = transformers.Qwen2VLVideoProcessor(**sizes)
    processor = transformers.Qwen2_5_VLProcessor(
        looking, words, videos, chat_template=TEMPLATE.replace("PICTURE", "".join(marks[:3]))
    )
    return _made(transformers.Qwen2_5_VLForConditionalGeneration, config), processor


def smolvlm() -> tuple[Any, Any]:
    """SmolVLM, of the class Idefics 3: pictures in pieces, each between tokens of its own."""
    words = _tokenizer(["<image>", "<fake_token_around_image>", "<global-img>", "<end_of_utterance>"])
    vision = {**EYES, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = transformers.Idefics3Config(
        text_config={**TEXT, "vocab_size": len(words), "model_type": "llama"},
        vision_config=vision,
        image_token_id=WORDS,
        scale_factor=2,
        tie_word_embeddings=False,
    )
    looking = transformers.Idefics3ImageProcessor(size={"longest_edge": 64}, max_image_size={"longest_edge": 32})
    processor = transformers.Idefics3Processor(
        looking, words, image_seq_len=4, chat_template=TEMPLATE.replace("PICTURE", "<image>")
    )
    return _made(transformers.Idefics3ForConditionalGeneration, config), processor


CHATS = {"SmolVLM": smolvlm, "Qwen 2.5 VL": qwen}


def saved_chat(name: str, folder: Path) -> str:
    """A folder with such a model and its processor."""
    for part in CHATS[name]():
        part.save_pretrained(folder)
    return str(folder)


def _tokenizer(marks: list[str]) -> Any:
    words = tokenizer()
    words.add_special_tokens({"additional_special_tokens": marks})
    return words


def _made(kind: Any, config: Any) -> Any:
    torch.manual_seed(0)
    model = kind(config).eval()
    model.generation_config.eos_token_id = 1
    return model
