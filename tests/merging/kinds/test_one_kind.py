"""Tokens that cannot be matched are refused by name; where all have the same, nothing is asked."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from rsoup_lightning.errors import MergeError, RSoupError
from rsoup_lightning.merging.on_disk import merge
from tests.merging.own_tokens import expert, load
from tests.running import rsoup


@pytest.fixture
def pair(tmp_path: Path) -> list[Path]:
    """Two experts that number their added tokens differently."""
    return [
        expert(tmp_path / "a", ["<red>", "<blue>"]),
        expert(tmp_path / "b", ["<blue>", "<red>"], seed=1),
    ]


def _change(file: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))


def test_the_command(pair: list[Path], tmp_path: Path) -> None:
    rsoup("merge", "--experts", *map(str, pair), "--coefficients", ".5", ".5", "--output", str(tmp_path / "out"))
    rows = {folder.name: load(folder) for folder in (*pair, tmp_path / "out")}
    for token in ("<red>", "<blue>", "sun"):
        a, b, out = (m.get_input_embeddings().weight[words.get_vocab()[token]] for m, words in rows.values())
        torch.testing.assert_close(out, (a + b) / 2)


def _other_model(folder: Path) -> None:
    _change(folder / "config.json", lambda config: config.update(architectures=["Own"]))


def _sentencepiece(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer.model").write_bytes(b"pieces")
    numbers = {"<red>": 7, "<blue>": 8} if folder.name == "a" else {"<red>": 8, "<blue>": 7}
    (folder / "added_tokens.json").write_text(json.dumps(numbers))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ({"ab": _other_model}, r"do not have the same tokens, and only the class of a model tells .*Own"),
        ({"ab": _sentencepiece}, r"'<blue>' is number 8 and number 7, and those of .*a are not known: save its tok"),
        (
            {"b": lambda e: _change(e / "tokenizer.json", lambda c: c.update(normalizer={"type": "Lowercase"}))},
            "a and .*b split texts differently by their normalizer",
        ),
        (
            {"b": lambda e: _change(e / "tokenizer.json", lambda c: c["model"]["vocab"].update(more=7))},
            "split texts differently by their tokens of its model",
        ),
        (
            {"b": lambda e: _change(e / "tokenizer.json", lambda c: c["added_tokens"][-1].update(lstrip=True))},
            "split texts differently by their rules for '<red>'",
        ),
        (
            {"b": lambda e: (e / "tokenizer.json").write_text("{}")},
            r"tokenizer in .*b is damaged \(KeyError\('model'\)",
        ),
        (
            {"b": lambda e: _change(e / "tokenizer.json", lambda c: c["added_tokens"][-1].update(id=-1))},
            "tokenizer in .*b is damaged .*without a number",
        ),
    ],
)
def test_what_cannot_be_matched(pair: list[Path], tmp_path: Path, damage: dict[str, Any], message: str) -> None:
    for names, change in damage.items():
        for name in names:
            change(tmp_path / name)
    with pytest.raises(RSoupError, match=message):
        merge([str(folder) for folder in pair], str(tmp_path / "out"), [0.5, 0.5])
    assert not (tmp_path / "out").exists()


def test_two_tokens_with_one_number(pair: list[Path], tmp_path: Path) -> None:
    def share(whole: dict[str, Any]) -> None:
        whole["model"]["vocab"]["sun"] = whole["model"]["vocab"]["moon"]

    _change(pair[1] / "tokenizer.json", share)
    with pytest.raises(
        MergeError, match=r"'(sun|moon)' and '(moon|sun)' both have the number \d: there would be one row for both"
    ):
        merge([str(path) for path in pair], str(tmp_path / "out"), [0.5, 0.5])
    assert not (tmp_path / "out").exists()


def test_an_init_whose_tokens_are_not_known(pair: list[Path], tmp_path: Path) -> None:
    init = expert(tmp_path / "init", ["<red>", "<blue>"])
    (init / "tokenizer.json").unlink()
    with pytest.raises(RSoupError, match=r"those of .*init are not known"):
        merge(
            [str(folder) for folder in pair],
            str(tmp_path / "out"),
            [0.5, 0.5],
            method="task_arithmetic",
            init=str(init),
        )


def test_a_model_that_does_not_fit_its_class(pair: list[Path], tmp_path: Path) -> None:
    for folder in pair:
        tensors = load_file(folder / "model.safetensors")
        save_file({f"old.{name}": tensor for name, tensor in tensors.items()}, folder / "model.safetensors")
    with pytest.raises(RSoupError, match=r"not all of them store 'model\.embed_tokens\.weight'"):
        merge([str(folder) for folder in pair], str(tmp_path / "out"), [0.5, 0.5])


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((), r"not all of them store 'model\.embed_tokens\.weight'"),
        ((9, 0), r"'model\.embed_tokens\.weight' has shape \(9, 24\) in .*a but \(9, 0\) in .*b"),
        ((7, 24), r"b: .*not one row for each token in all of lm_head\.weight, model\.embed_tokens\.weight"),
    ],
)
def test_embeddings_of_another_shape(pair: list[Path], tmp_path: Path, shape: tuple[int, ...], message: str) -> None:
    file = pair[1] / "model.safetensors"
    save_file({**load_file(file), "model.embed_tokens.weight": torch.zeros(shape)}, file)
    with pytest.raises(RSoupError, match=message):
        merge([str(folder) for folder in pair], str(tmp_path / "out"), [0.5, 0.5])


def test_tokenizers_of_what_has_no_tokens(pair: list[Path], tmp_path: Path) -> None:
    for folder in pair:
        (folder / "config.json").write_text('{"_class_name": "UNet2DModel"}')
    with pytest.raises(RSoupError, match="their class has no row for any"):
        merge([str(folder) for folder in pair], str(tmp_path / "out"), [0.5, 0.5])


def test_settings_that_name_tokens_by_number(pair: list[Path], tmp_path: Path) -> None:
    for folder, number in zip(pair, (7, 8), strict=True):  # <red> in both
        _change(folder / "config.json", lambda config, number=number: config.update(image_token_id=number))
    merge([str(folder) for folder in pair], str(tmp_path / "out"), [0.5, 0.5])
    _change(pair[1] / "config.json", lambda config: config.update(image_token_id=7))
    with pytest.raises(RSoupError, match="image_token_id is '<red>' and '<blue>'"):
        merge([str(folder) for folder in pair], str(tmp_path / "other"), [0.5, 0.5])


@pytest.mark.parametrize("same", ["files", "numbers"])
def test_the_same_tokens_cost_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, same: str) -> None:
    a, b = expert(tmp_path / "a", ["<red>"]), expert(tmp_path / "b", ["<red>"], seed=1)
    if same == "files":
        monkeypatch.delattr("rsoup_lightning.merging.kinds.one_kind.read_vocabulary")
    else:
        _change(b / "tokenizer.json", lambda content: content.update(truncation={"max_length": 8}))
    monkeypatch.delattr("rsoup_lightning.merging.kinds.one_kind.match_rows")
    merge([str(a), str(b)], str(tmp_path / "out"), [1.0, 0.0])
    assert (tmp_path / "out/model.safetensors").read_bytes() == (a / "model.safetensors").read_bytes()


def test_sentencepiece_models_that_agree(pair: list[Path], tmp_path: Path) -> None:
    for folder in pair:
        _sentencepiece(folder)
        (folder / "added_tokens.json").write_text('{"<red>": 7}')
    (pair[1] / "tokenizer_config.json").write_text('{"chat_template": "{{ messages }}"}')
    merge([str(folder) for folder in pair], str(tmp_path / "out"), [0.5, 0.5])
    (pair[1] / "tokenizer.model").write_bytes(b"other pieces")
    with pytest.raises(RSoupError, match=re.escape("split texts differently by their tokenizer.model")):
        merge([str(folder) for folder in pair], str(tmp_path / "other"), [0.5, 0.5])


def test_tokenizers_of_pipelines(pair: list[Path], tmp_path: Path) -> None:
    pipelines = []
    for folder in pair:
        pipeline = tmp_path / f"pipeline-{folder.name}"
        for part, names in (("text_encoder", ["config.json", "model.safetensors"]), ("tokenizer", ["tokenizer.json"])):
            (pipeline / part).mkdir(parents=True)
            for name in names:
                shutil.copy(folder / name, pipeline / part / name)
        (pipeline / "model_index.json").write_text("{}")
        pipelines.append(str(pipeline))
    with pytest.raises(
        RSoupError, match=r"'<blue>' is number 8 and number 7 in tokenizer: rows are matched by token only"
    ):
        merge(pipelines, str(tmp_path / "out"), [0.5, 0.5])


@pytest.fixture
def adapters(pair: list[Path], tmp_path: Path) -> list[Path]:
    """Adapters of ``a`` with embeddings of their own, and tokenizers beside them as trainers save them."""
    peft = pytest.importorskip("peft")
    folders = []
    for seed in range(2):
        config = peft.LoraConfig(r=2, target_modules=["q_proj"], modules_to_save=["embed_tokens", "lm_head"])
        model = peft.get_peft_model(load(pair[0])[0], config)
        folders.append(tmp_path / f"lora{seed}")
        model.save_pretrained(folders[-1])
        shutil.copy(pair[0] / "tokenizer.json", folders[-1])
    return folders


def test_tokenizers_of_adapters(pair: list[Path], adapters: list[Path], tmp_path: Path) -> None:
    experts = [str(folder) for folder in adapters]
    merge(experts, str(tmp_path / "same"), [0.5, 0.5])
    merge(experts, str(tmp_path / "folded"), [0.5, 0.5], lora="dense", base=str(pair[0]))
    shutil.copy(pair[1] / "tokenizer.json", adapters[1])
    for ways in ({}, {"lora": "dense", "base": str(pair[0])}):
        with pytest.raises(
            RSoupError, match=r"lora0 and .*lora1 .*'<blue>' is number 8 and number 7: rows of adapters"
        ):
            merge(experts, str(tmp_path / "out"), [0.5, 0.5], **ways)  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_adapters_and_their_base(pair: list[Path], adapters: list[Path], tmp_path: Path) -> None:
    experts = [str(folder) for folder in adapters]
    shutil.copy(expert(tmp_path / "fewer", ["<red>"]) / "tokenizer.json", pair[0])
    merge(experts, str(tmp_path / "folded"), [0.5, 0.5], lora="dense", base=str(pair[0]))
    shutil.copy(pair[1] / "tokenizer.json", pair[0])
    with pytest.raises(
        RSoupError, match=r"a and .*lora0 do not have the same tokens, '<blue>' is number 7 and number 8"
    ):
        merge(experts, str(tmp_path / "out"), [0.5, 0.5], lora="dense", base=str(pair[0]))
