"""Tokens are words."""

from __future__ import annotations

from pathlib import Path

from transformers import AutoTokenizer

from rsoup_lightning.modalities.diffusion.prompts import encode_tokens
from rsoup_lightning.modalities.diffusion.word_tokenizer import word_tokenizer

PROMPTS = ["Red heart", "flag: red, white", "piñata"]


def test_words_are_cut_lowered_and_framed(tmp_path: Path) -> None:
    made = word_tokenizer(PROMPTS)
    assert made.model_max_length == 7  # flag : red , white, framed
    made.save_pretrained(tmp_path)
    for tokenizer in (made, AutoTokenizer.from_pretrained(tmp_path)):
        rows = encode_tokens(tokenizer, ["RED piñata, unheard", "", "red " * 20])
        assert rows.shape == (3, 7)
        written = [tokenizer.convert_ids_to_tokens(row.tolist()) for row in rows]
        assert written[0] == ["<start>", "red", "piñata", ",", "<unknown>", "<end>", "<pad>"]
        assert written[1] == ["<start>", "<end>", *["<pad>"] * 5]
        assert written[2] == ["<start>", *["red"] * 5, "<end>"]
