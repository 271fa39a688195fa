"""Adapters of PEFT that somebody has, as a soup."""

from __future__ import annotations

from pathlib import Path

import pytest
from peft import PeftModel

from rsoup_lightning import Soup
from rsoup_lightning.errors import ConfigError, MergeError
from tests.merging.test_policy_weights import adapter
from tests.modalities.language.tiny import llama, saved, tokenizer


def test_adapters_that_somebody_has_answer_as_peft_plays_them(tmp_path: Path) -> None:
    """Of other ranks, scales and layers each, greedily and by transformers' own loop."""
    base, names = saved(tmp_path / "base"), ("kind", "brief")
    places = {
        "kind": adapter(tmp_path / "kind", 1),
        "brief": adapter(tmp_path / "brief", 2, r=3, lora_alpha=4, target_modules=["k_proj", "up_proj"]),
    }
    made = Soup.from_adapters(base, places, precision="float32", max_new_tokens=6)
    assert made.experts == names and made.rewards == () and made.front is None
    rows = made.at([{"kind": 1}, {"brief": 1}]).generate(["the cat"] * 2, greedy=True)
    tokens = tokenizer()("the cat", return_tensors="pt")
    for name, row in zip(names, rows, strict=True):
        alone = PeftModel.from_pretrained(llama(), places[name]).eval()
        written = alone.generate(**tokens, do_sample=False, max_new_tokens=6)[0, tokens["input_ids"].shape[1] :]
        assert row == tokenizer().decode(written, skip_special_tokens=True)
    assert rows[0] != rows[1]


def test_adapters_that_cannot_be_played(tmp_path: Path) -> None:
    base = saved(tmp_path / "base")
    with pytest.raises(ConfigError, match="chat_template_kwargs are for a chat template, and the tokenizer has none"):
        Soup.from_adapters(base, {"kind": adapter(tmp_path / "kind", 1)}, chat_template_kwargs={"calm": True})
    with pytest.raises(ConfigError, match="no adapters: give a name and a folder"):
        Soup.from_adapters(base, {})
    other = adapter(tmp_path / "dora", 1, use_dora=True)
    with pytest.raises(MergeError, match="use_dora"):
        Soup.from_adapters(base, {"kind": other})
