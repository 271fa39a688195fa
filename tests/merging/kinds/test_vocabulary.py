"""What is read of tokenizers, and written into them, held against transformers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rsoup_lightning.errors import MergeError
from rsoup_lightning.merging.kinds.vocabulary import (
    PLAIN,
    Others,
    Vocabulary,
    check_splits,
    difference,
    read_vocabulary,
    with_tokens,
)

transformers = pytest.importorskip("transformers")
tokenizers = pytest.importorskip("tokenizers")

BYTES = {"<|endoftext|>": 0, "a": 1, "b": 2, "Ġ": 3, "ab": 4, "Ġa": 5}
MERGES = [("a", "b"), ("Ġ", "a")]


def _bytes(folder: Path) -> None:
    made = transformers.GPT2Tokenizer(vocab=BYTES, merges=MERGES)
    made.add_tokens(["<red>", "<blue>"])
    made.save_pretrained(folder)


def _pieces(folder: Path) -> None:
    pieces = [("<unk>", 0.0), ("▁a", -1.0), ("b", -2.0)]
    inner = tokenizers.Tokenizer(tokenizers.models.Unigram(pieces, unk_id=0))
    made = transformers.PreTrainedTokenizerFast(tokenizer_object=inner, unk_token="<unk>")
    made.add_tokens(["<red>"])
    made.save_pretrained(folder)


def _files(folder: Path, **settings: Any) -> None:
    folder.mkdir()
    (folder / "vocab.json").write_text(json.dumps(BYTES))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{one} {two}\n" for one, two in MERGES))
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "GPT2Tokenizer", **settings}))


def _files_and_added(folder: Path) -> None:
    _files(folder)
    (folder / "added_tokens.json").write_text('{"<red>": 6, "<blue>": 7}')


def _files_and_decoder(folder: Path) -> None:
    _files(folder, added_tokens_decoder={"6": {"content": "<red>", **PLAIN}})


def _words(folder: Path) -> None:
    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "sun", "##s"]) + "\n")
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer"}')


def _others(folder: Path) -> Others:
    return {file.name: file for file in folder.iterdir()}


def _read(folder: Path) -> Vocabulary:
    found = read_vocabulary(_others(folder), str(folder))
    assert found is not None
    return found


@pytest.mark.parametrize("make", [_bytes, _pieces, _files, _files_and_added, _files_and_decoder, _words])
def test_numbers_are_those_of_transformers(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "t")
    (tmp_path / "t/config.json").write_text('{"model_type": "gpt2"}')
    before = transformers.AutoTokenizer.from_pretrained(tmp_path / "t")
    vocabulary = _read(tmp_path / "t")
    assert vocabulary.ids == before.get_vocab()
    assert vocabulary.room == len(before)
    for name, content in with_tokens(_others(tmp_path / "t"), {"<green>": (len(before), PLAIN)}).items():
        if isinstance(content, bytes):
            (tmp_path / "t" / name).write_bytes(content)
    after = transformers.AutoTokenizer.from_pretrained(tmp_path / "t")
    assert after.get_vocab() == {**before.get_vocab(), "<green>": len(before)}
    assert len(before) in after("a <green> b").input_ids


def test_one_tokenizer_in_two_formats(tmp_path: Path) -> None:
    _bytes(tmp_path / "a")
    _files_and_added(tmp_path / "b")
    a, b = _read(tmp_path / "a"), _read(tmp_path / "b")
    check_splits(a, b, "both")
    assert difference(a, b) is None


def _merges(content: dict[str, Any]) -> None:
    content["model"]["merges"].reverse()


def _old_merges(content: dict[str, Any]) -> None:
    content["model"]["merges"] = [" ".join(pair) for pair in content["model"]["merges"]]


def _template(ids: int, tokens: list[str]) -> Callable[[dict[str, Any]], None]:
    def change(content: dict[str, Any]) -> None:
        start = {"id": "<s>", "ids": [ids], "tokens": tokens}
        content["post_processor"] = {"type": "TemplateProcessing", "special_tokens": {"<s>": start}}

    return change


@pytest.mark.parametrize(
    ("ours", "theirs", "differs"),
    [
        (_merges, _merges, None),
        (_old_merges, lambda content: None, None),
        (_merges, lambda content: None, "merges"),
        (_template(1, ["<s>"]), _template(2, ["<s>"]), None),  # the same token, numbered otherwise
        (_template(1, ["<s>"]), _template(1, ["<t>"]), "post_processor"),
        (lambda c: c["model"].update(byte_fallback=True), lambda content: None, "settings of its model"),
        (lambda c: c.update(padding={"strategy": "BatchLongest"}), lambda content: None, None),
    ],
)
def test_what_splits_texts(tmp_path: Path, ours: Any, theirs: Any, differs: str | None) -> None:
    found = []
    for name, change in (("a", ours), ("b", theirs)):
        _bytes(tmp_path / name)
        content = json.loads((tmp_path / name / "tokenizer.json").read_text())
        change(content)
        (tmp_path / name / "tokenizer.json").write_text(json.dumps(content))
        found.append(_read(tmp_path / name))
    if differs is None:
        check_splits(found[0], found[1], "a and b")
    else:
        with pytest.raises(MergeError, match=f"a and b split texts differently by their {differs}"):
            check_splits(found[0], found[1], "a and b")


def test_differences_in_words() -> None:
    def of(**ids: int) -> Vocabulary:
        return Vocabulary(ids, {}, len(ids), {})

    assert difference(of(a=0, b=1), of(a=0, b=1)) is None
    assert difference(of(a=0, b=1), of(a=1, b=0)) == "'a' is number 0 and number 1"
    assert difference(of(a=0), of(a=0, b=1)) == "'b' is absent and number 1"
    assert difference(of(a=0), of(a=0, b=1), partly=True) is None
    assert difference(of(a=0), of(b=0), partly=True) == "'a' is number 0 and absent"


def test_no_tokenizer(tmp_path: Path) -> None:
    assert read_vocabulary({"config.json": b"{}"}, "x") is None
