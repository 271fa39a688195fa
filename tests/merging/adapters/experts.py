"""LoRA adapters as PEFT writes them, of models of a few thousand weights."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

peft = pytest.importorskip("peft")
transformers = pytest.importorskip("transformers")

TOKENS = torch.arange(12).reshape(2, 6)
PLAIN = {"r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "v_proj"]}


def llama() -> nn.Module:
    """Two layers of random weights, with biases in attention."""
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = transformers.LlamaConfig(**sizes, vocab_size=40, attention_bias=True)
    return transformers.LlamaForCausalLM(config).eval()


class Odd(nn.Module):
    """A convolution, and a linear layer stored fan-in first."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(2, 4, 3)
        self.wide = transformers.pytorch_utils.Conv1D(6, 4)

    def forward(self, tokens: Tensor) -> Tensor:
        image = (tokens / 12).reshape(1, 2, 2, 3).repeat(1, 1, 2, 1)
        return self.wide(self.conv(image).flatten(2).transpose(1, 2))


BASES: dict[str, Callable[[], nn.Module]] = {"llama": llama, "odd": Odd}
BASE = llama()


def saved_expert(folder: Path, seed: int, base: nn.Module = BASE, **settings: Any) -> Path:
    """A folder as PEFT writes it, of an adapter in which every trained weight is random."""
    model = peft.get_peft_model(deepcopy(base), peft.LoraConfig(**settings))
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data += 0.1 * torch.randn(parameter.shape, generator=generator)
    model.save_pretrained(folder, save_embedding_layers=False)
    return folder


def output_of(model: nn.Module) -> Tensor:
    """Logits, or features, of a few tokens."""
    with torch.no_grad():
        output = model.eval()(TOKENS)
    return output if isinstance(output, Tensor) else output.logits


def load(folder: Path, base: nn.Module = BASE) -> Any:
    """``base`` with the adapter, as PEFT loads it."""
    return peft.PeftModel.from_pretrained(deepcopy(base), folder)
