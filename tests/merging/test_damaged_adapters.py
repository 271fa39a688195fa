"""Seeded damage to adapters and to the base they are folded into: merged, or refused with nothing left behind."""

from __future__ import annotations

import random
import shutil
import warnings
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from rsoup_lightning.errors import RSoupError
from rsoup_lightning.merge import merge_adapters

peft = pytest.importorskip("peft")
transformers = pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tied base, two adapters of its embeddings, and the same two as pickles."""
    folder = tmp_path_factory.mktemp("whole")
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = transformers.LlamaConfig(**sizes, vocab_size=40, tie_word_embeddings=True)
    torch.manual_seed(0)
    transformers.LlamaForCausalLM(config).save_pretrained(folder / "base")
    for name in ("a", "b"):
        base = transformers.LlamaForCausalLM.from_pretrained(folder / "base")
        settings = {"r": 2, "target_modules": ["q_proj", "embed_tokens"], "rank_pattern": {"q_proj": 3}}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of PEFT, that it saves the embeddings too
            peft.get_peft_model(base, peft.LoraConfig(**settings)).save_pretrained(folder / name)
        shutil.copytree(folder / name, folder / f"{name}.bin")
        weights = folder / f"{name}.bin" / "adapter_model.safetensors"
        torch.save(load_file(weights), weights.with_suffix(".bin"))
        weights.unlink()
    return folder


def _damaged(content: bytes, chance: random.Random) -> bytes:
    header = min(len(content), 8 + int.from_bytes(content[:8], "little"))  # of a safetensors file
    places = [chance.randrange(chance.choice([len(content), header])) for _ in range(chance.choice([1, 3, 30]))]
    flipped = bytearray(content)
    for place in places:
        flipped[place] ^= 1 << chance.randrange(8)
    return chance.choice([content[: places[0]], bytes(flipped), b"", bytes(len(content)), content[places[0] :]])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", range(60))
def test_damage(whole: Path, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    experts = chance.choice([["a", "b"], ["a.bin", "b.bin"]])
    for name in ("base", *experts):
        shutil.copytree(whole / name, tmp_path / name)
    files = [file for file in sorted(tmp_path.rglob("*")) if file.suffix in (".safetensors", ".bin", ".json")]
    file = chance.choice([file for file in files if file.is_file()])
    file.write_bytes(_damaged(file.read_bytes(), chance))
    folding = {"lora": "dense", "base": str(tmp_path / "base")} if chance.random() < 0.6 else {}
    before = sorted(tmp_path.rglob("*"))
    try:
        merge_adapters([str(tmp_path / name) for name in experts], str(tmp_path / "soup"), [0.5, 0.5], **folding)
    except RSoupError as error:
        assert "\n" not in str(error)
        assert sorted(tmp_path.rglob("*")) == before
    else:
        assert (tmp_path / "soup/merge.json").is_file()
