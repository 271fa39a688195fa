"""Language models of today: the real classes of transformers, with random weights and every layer of a kind."""

from __future__ import annotations

from typing import Any

import torch
import transformers

SIZES: dict[str, Any] = {
    "vocab_size": 258,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "initializer_range": 0.2,
    "pad_token_id": 0,
    "eos_token_id": 1,
    "bos_token_id": None,
}
LOCAL = {"sliding_window": 4, "layer_types": ["sliding_attention", "full_attention"]}  # shorter than prompts are
HEADS = {"head_dim": 16}  # wider than hidden_size has room for
MIXTURE = {"num_experts_per_tok": 2, "moe_intermediate_size": 16}
STRETCHED = {
    "rope_type": "llama3",
    "rope_theta": 5e5,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 16,
}
YARN = {"rope_type": "yarn", "rope_theta": 1.5e5, "factor": 32.0, "original_max_position_embeddings": 4}
EYES = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1, "num_attention_heads": 2}
GEMMA = {**LOCAL, **HEADS, "query_pre_attn_scalar": 16, "tie_word_embeddings": True}

CONFIGS: dict[str, tuple[str, dict[str, Any]]] = {
    "Llama 3": ("LlamaConfig", {"rope_parameters": STRETCHED}),
    "Qwen 3": ("Qwen3Config", {**HEADS, "tie_word_embeddings": True}),
    "Gemma 3": ("Gemma3TextConfig", GEMMA),
    "Gemma 3 with its eyes": ("Gemma3Config", {"text_config": {**SIZES, **GEMMA}}),
    "Mistral": ("MistralConfig", {"sliding_window": 4}),
    "Phi-4": ("Phi3Config", {"sliding_window": 4, "partial_rotary_factor": 0.5}),
    "SmolLM 3": ("SmolLM3Config", {"no_rope_layers": [1, 0]}),
    "OLMo 2": ("Olmo2Config", {}),
    "Qwen 3 MoE": ("Qwen3MoeConfig", {**HEADS, **MIXTURE, "num_experts": 4}),
    "gpt-oss": ("GptOssConfig", {**HEADS, **LOCAL, **MIXTURE, "num_local_experts": 4, "rope_parameters": YARN}),
}


def family(name: str, seed: int = 0) -> Any:
    """The causal language model that transformers makes of such a configuration."""
    kind, settings = CONFIGS[name]
    if "text_config" in settings:
        eyes = {**EYES, "image_size": 16, "patch_size": 8}
        settings = {**settings, "vision_config": eyes, "mm_tokens_per_image": 4, "image_token_index": 257}
    else:
        settings = {**SIZES, **settings}
    torch.manual_seed(seed)
    config = getattr(transformers, kind)(**settings)
    return transformers.AutoModelForCausalLM.from_config(config).eval()
