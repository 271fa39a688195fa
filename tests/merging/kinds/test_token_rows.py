"""Models with different tokens, merged and held against transformers' own resized models and loops over tokens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from rsoup_lightning.errors import MergeError
from rsoup_lightning.merging import merge_weights
from rsoup_lightning.merging.methods import METHODS
from rsoup_lightning.merging.on_disk import merge
from tests.merging.own_tokens import FAMILIES, by_token, expert, load

TEXT = "sun <red> moon <blue> rain <green>"
MERGED = {"<red>": 7, "<blue>": 8, "<green>": 9}  # where the first expert, and then the second, added them


def _logits(model: Any, words: Any) -> Tensor:
    with torch.no_grad():
        return model(words(TEXT, return_tensors="pt").input_ids).logits


@pytest.mark.parametrize("family", FAMILIES)
def test_rows_are_matched_by_token(tmp_path: Path, family: str) -> None:
    a = expert(tmp_path / "a", ["<red>", "<blue>"], family=family)
    b = expert(tmp_path / "b", ["<blue>", "<green>", "<red>"], seed=1, family=family)
    merge([str(a), str(b)], str(tmp_path / "out"), [0.3, 0.7])
    model, words = load(tmp_path / "out")
    numbers = words.get_vocab()
    assert model.config.vocab_size == len(words) == 10
    assert MERGED.items() <= numbers.items()
    aligned = [by_token(a, numbers, 10, [b]), by_token(b, numbers, 10)]
    expected, _ = load(a)
    expected.resize_token_embeddings(10, mean_resizing=False)
    expected.load_state_dict(merge_weights(aligned, [0.3, 0.7]))
    torch.testing.assert_close(_logits(model, words), _logits(expected, words), rtol=0, atol=1e-5)
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(tensor, expected.state_dict()[name], rtol=0, atol=1e-6)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("place", [0, 1])
def test_one_hot_is_that_expert(tmp_path: Path, family: str, place: int) -> None:
    a = expert(tmp_path / "a", ["<red>", "<blue>"], family=family)
    b = expert(tmp_path / "b", ["<blue>", "<green>", "<red>"], seed=1, family=family)
    merge([str(a), str(b)], str(tmp_path / "out"), [1.0 - place, 1.0 * place])
    model, words = load(tmp_path / "out")
    expected = by_token([a, b][place], words.get_vocab(), 10, [b])
    assert all(torch.equal(tensor, expected[name]) for name, tensor in model.state_dict().items())
    own, own_words = load([a, b][place])
    text = "sun <red> moon <blue>"
    with torch.no_grad():
        played = model(words(text, return_tensors="pt").input_ids).logits
        alone = own(own_words(text, return_tensors="pt").input_ids).logits
    ids = own_words.get_vocab()
    order = [words.get_vocab()[token] for token in sorted(ids, key=lambda token: ids[token])]
    torch.testing.assert_close(played[..., order], alone, rtol=0, atol=1e-6)


def test_rows_that_round_the_number_up(tmp_path: Path) -> None:
    a = expert(tmp_path / "a", ["<red>", "<blue>"], rows=16)
    b = expert(tmp_path / "b", ["<blue>", "<green>", "<red>"], seed=1, rows=12)
    merge([str(a), str(b)], str(tmp_path / "out"), [0.3, 0.7])
    model, words = load(tmp_path / "out")
    rows = model.get_input_embeddings().weight
    ours, theirs = (load(folder)[0].get_input_embeddings().weight for folder in (a, b))
    assert model.config.vocab_size == len(rows) == 16
    assert torch.equal(rows[9], theirs[8])  # <green>, which a has no row for
    torch.testing.assert_close(rows[8], 0.3 * ours[8] + 0.7 * theirs[7])  # <blue>
    torch.testing.assert_close(rows[10:12], 0.3 * ours[10:12] + 0.7 * theirs[10:12])  # nobody's
    assert torch.equal(rows[12:], ours[12:])
    assert words("<green>").input_ids == [9]


def test_the_same_tokens_and_more_rows(tmp_path: Path) -> None:
    a, b = expert(tmp_path / "a", [], rows=8), expert(tmp_path / "b", [], seed=1, rows=12)
    merge([str(b), str(a)], str(tmp_path / "out"), [0.5, 0.5])
    rows = load(tmp_path / "out")[0].get_input_embeddings().weight
    ours, theirs = (load(folder)[0].get_input_embeddings().weight for folder in (a, b))
    torch.testing.assert_close(rows[:8], (ours + theirs[:8]) / 2)
    assert torch.equal(rows[8:], theirs[8:])


def test_a_configuration_that_does_not_say_how_many_rows(tmp_path: Path) -> None:
    a, b = expert(tmp_path / "a", []), expert(tmp_path / "b", ["<red>"], seed=1)
    config = json.loads((a / "config.json").read_text())
    del config["vocab_size"]
    (a / "config.json").write_text(json.dumps(config))
    with pytest.raises(MergeError, match=r"8 tokens are merged, and no vocab_size in .*config\.json is 7: write it"):
        merge([str(a), str(b)], str(tmp_path / "out"), [0.5, 0.5])


def test_a_token_that_no_model_has_a_row_for(tmp_path: Path) -> None:
    a, b = expert(tmp_path / "a", [], rows=7), expert(tmp_path / "b", ["<unused>"], seed=1, rows=7)
    merge([str(a), str(b)], str(tmp_path / "out"), [0.5, 0.5])
    model, words = load(tmp_path / "out")
    assert model.config.vocab_size == len(words) == 7


def test_a_token_that_the_first_tokenizer_has_and_the_first_model_has_not(tmp_path: Path) -> None:
    a, b = expert(tmp_path / "a", ["<red>"], rows=7), expert(tmp_path / "b", ["<red>"], seed=1)
    merge([str(a), str(b)], str(tmp_path / "out"), [0.5, 0.5])
    rows = load(tmp_path / "out")[0].get_input_embeddings().weight
    assert torch.equal(rows[7], load(b)[0].get_input_embeddings().weight[7])


@pytest.mark.parametrize("name", METHODS)
def test_every_method_on_three_models_and_an_init_with_fewer_tokens(tmp_path: Path, name: str) -> None:
    added = [["<red>"], ["<blue>", "<red>"], ["<green>", "<red>", "<blue>"]][: 2 if name == "slerp" else 3]
    experts = [expert(tmp_path / str(seed), tokens, seed=seed) for seed, tokens in enumerate(added)]
    init = expert(tmp_path / "init", [], seed=9) if METHODS[name].needs_init else None
    point = [0.2, 0.3, 0.5] if len(experts) == 3 else [0.2, 0.8]
    merge([str(e) for e in experts], str(tmp_path / "out"), point, method=name, init=init and str(init))
    model, words = load(tmp_path / "out")
    numbers = words.get_vocab()
    aligned = [by_token(folder, numbers, len(numbers), experts) for folder in experts]
    ancestor = by_token(init, numbers, len(numbers), experts) if init else None
    expected = merge_weights(aligned, point, method=name, init=ancestor)
    torch.testing.assert_close(dict(model.state_dict()), expected, rtol=0, atol=1e-6)


def test_shards_slices_and_dtypes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rsoup_lightning.merging.engine.SLICE", 37)  # rows of 24 are cut
    a = expert(tmp_path / "a", ["<red>", "<blue>"], max_shard_size=5000)
    b = expert(tmp_path / "b", ["<blue>", "<green>", "<red>"], seed=1)
    tensors = load_file(b / "model.safetensors")
    torch.save(tensors, b / "pytorch_model.bin")
    (b / "model.safetensors").unlink()
    merge([str(a), str(b)], str(tmp_path / "out"), [0.3, 0.7], dtype="float64")
    model, words = load(tmp_path / "out")
    aligned = [by_token(a, words.get_vocab(), 10, [b]), by_token(b, words.get_vocab(), 10)]
    torch.testing.assert_close(dict(model.double().state_dict()), merge_weights(aligned, [0.3, 0.7]), check_dtype=False)
    index = json.loads((tmp_path / "out/model.safetensors.index.json").read_text())
    shards = [load_file(shard) for shard in (tmp_path / "out").glob("*.safetensors")]
    assert len(shards) > 1
    assert index["metadata"]["total_size"] == sum(tensor.nbytes for shard in shards for tensor in shard.values())
    assert index["weight_map"].keys() == {name for shard in shards for name in shard}
    assert json.loads((tmp_path / "out/merge.json").read_text())["tokens"] == "matched by name"
