"""The paper's recipes for text: its settings, and every step of them on models and data small enough for a test."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from rsoup_lightning import registry
from rsoup_lightning.rewards import score
from rsoup_lightning.run.recipes.recipe import Recipe
from rsoup_lightning.run.recipes.recipe_parser import recipe_parser
from tests.conftest import ROOT
from tests.modalities.language import tiny
from tests.modalities.language.rewards.tiny import save
from tests.running import front, rsoup

LONG = "where the big dog and the red cat sat on a mat and ran on a road, and nobody knows what to do about it now"
KEPT: dict[str, Callable[[int], tuple[str, Any, str]]] = {
    "review/llama": lambda i: ("text", f"Film {i} was a cat and a dog and more of it", f"Film {i} was a cat"),
    "summarization/news": lambda i: ("text", f"THE ROAD (Reuters) - House {i}, {LONG}", f"House {i}, {LONG}"),
    "summarization/reddit": lambda i: ("info", {"post": f"House {i}, {LONG}", "id": str(i)}, f"House {i}, {LONG}"),
    "qa/llama": lambda i: ("question", f"Why is road {i} red?\n`ran()` sat", f"Why is road {i} red?\n`ran()` sat"),
    "assistant/llama": lambda i: (
        "chosen",
        f"\n\nHuman: Who ran on road {i}?\n\nAssistant: A dog.\n\nHuman: Why?\n\nAssistant: A cat.",
        f"Who ran on road {i}?",
    ),
}
"""By recipe, record number i: its column, what is in it, and the question that is to come of it."""
LEFT_OUT: dict[str, list[dict[str, Any]]] = {
    "review/llama": [{"text": " "}],
    "summarization/news": [{"text": LONG}, {"text": "A (Reuters) - Short"}, {"text": "A (Reuters) - " + LONG * 20}],
    "summarization/reddit": [{"info": {"post": None}}, {"info": {"post": "Short"}}, {"info": {"post": LONG * 20}}],
    "qa/llama": [{"question": "a" * 300}],
    "assistant/llama": [{"chosen": f"\n\nHuman: {LONG}\n\nAssistant: A dog."}, {"chosen": "A dog."}],
}
REVIEW, ANSWER = "Generate a movie review.\n{q} {a}", "{q}\n{a}"
READ = {
    "review/llama": [REVIEW] * 2,
    "summarization/news": ["{a} <|endoftext|> {q}", "{a}\n{q}"],
    "summarization/reddit": ["{a} <|endoftext|> {q}", "{a}\n{q}"],
    "qa/llama": [ANSWER] * 2,
    "assistant/llama": [ANSWER] * 4,
}
PAPER = [ROOT / "conf" / f"{name}.yaml" for name in KEPT]
each = pytest.mark.parametrize("name", KEPT)


def arguments(name: str, *more: str) -> tuple[str, Any, Any]:
    """A recipe's task, its parser, and what that makes of the recipe and further arguments."""
    path = ROOT / "conf" / f"{name}.yaml"
    task = name.split("/")[0]
    parser = recipe_parser(registry.fine_tuner(task))
    return task, parser, parser.parse_args(["-c", str(path), *more])


def classifier(kind: str, folder: Path) -> str:
    """A reward model of a real class, with random weights, beside a tokenizer that joins segments as the real one."""
    import transformers
    from tokenizers.processors import TemplateProcessing

    size = {"vocab_size": 258, "pad_token_id": 0, "eos_token_id": 1, "max_position_embeddings": 512}
    encoder = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    deberta = {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_biased_input": False}
    bart = {f"{side}_{what}": n for side in ("encoder", "decoder") for what, n in (("layers", 1), ("ffn_dim", 16))}
    labels = {"id2label": {0: "HALLUCINATED", 1: "FAITHFUL"}}
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2, "decoder_start_token_id": 1}
    class_name, settings, pair = {
        "deberta": (
            "DebertaV2",
            {**encoder, **deberta, "type_vocab_size": 0, "num_labels": 1},
            "$A <end> $B:1 <end>:1",
        ),
        "electra": ("Electra", {**encoder, "embedding_size": 16, "num_labels": 1}, "$A <end> $B:1 <end>:1"),
        "gpt2": ("GPT2", {"n_embd": 16, "n_layer": 1, "n_head": 2, "num_labels": 1}, None),
        "bart": (
            "Bart",
            {**bart, **heads, "d_model": 16, "bos_token_id": 1, **labels},
            "$A <end> <end> $B <end>",
        ),
    }[kind]
    config = getattr(transformers, f"{class_name}Config")(**size, **settings)
    tokenizer = tiny.tokenizer()
    if pair is not None:
        ends = [("<end>", 1)]
        tokenizer.backend_tokenizer.post_processor = TemplateProcessing("$A <end>", pair, ends)
    if kind == "bart":
        tokenizer.model_input_names = ["input_ids", "attention_mask"]
    return save(folder, getattr(transformers, f"{class_name}ForSequenceClassification")(config), tokenizer)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Copies of what the recipes name, as someone without the hub would have them."""
    base = tiny.llama()
    base.config.max_position_embeddings = 512
    kinds = {kind: classifier(kind, tmp_path_factory.mktemp(kind)) for kind in ("deberta", "electra", "gpt2", "bart")}
    return {**kinds, "base": tiny.saved(tmp_path_factory.mktemp("base"), base)}


def small(name: str, folders: dict[str, str], folder: Path) -> str:
    """A second recipe that makes the first one small, and free of GPU and hub."""
    written = yaml.safe_load((ROOT / "conf" / f"{name}.yaml").read_text())["model"]["rewards"]
    names = {reward: given["init_args"]["model"] for reward, given in written.items()}
    models = {reward: next(kind for kind in folders if kind in model) for reward, model in names.items()}
    records = [{column: value} for column, value, _ in map(KEPT[name], range(8))]
    data = folder / "records.jsonl"
    data.write_text("".join(f"{json.dumps(record)}\n" for record in [*LEFT_OUT[name], *records]))
    records_file = {"path": str(data), "eval_size": 3}
    recipe = {
        "model": {
            "base": folders["base"],
            "precision": "float32",
            "data": {"class_path": "tasks.text.jsonl.RecordsFile", "init_args": records_file},
            "rewards": {reward: {"init_args": {"model": folders[kind]}} for reward, kind in models.items()},
            "batch_size": 2,
            "batches_per_epoch": 1,
            "max_new_tokens": 6,
        },
        "trainer": {"accelerator": "cpu", "max_epochs": 1},
        "soup": {"grid": 3, "shown": 1},
    }
    path = folder / "small.yaml"
    path.write_text(yaml.safe_dump(recipe))
    return str(path)


@each
def test_the_options_of_the_header(name: str) -> None:
    head = (ROOT / "conf" / f"{name}.yaml").read_text().split("\ntask:")[0]
    options = [f"--{option}=folder" for option in re.findall(r"--([\w.]+) FOLDER", head)]
    _, _, config = arguments(name, *options)
    assert config.model.base == config.model.data.init_args.name == "folder"
    given = [reward.init_args.model == "folder" for reward in config.model.rewards.values()]
    assert all(given) or (given[0] and "and so on for" in head)


@each
def test_the_papers_settings(name: str) -> None:
    _, _, config = arguments(name)
    model, soup = config.model, config.soup
    assert model.optimizer.class_path == "torch.optim.Adam" and model.optimizer.init_args.lr == 1.41e-5
    assert model.batch_size == 128 and model.algorithm.init_args.minibatch_size == 4
    assert model.kl.init_args.coefficient == (0.05 if name.startswith("summarization") else 0.2)
    assert model.kl.init_args.target is not None
    assert model.max_new_tokens == 32
    assert model.lora.as_dict() == {"rank": 16, "alpha": 16, "dropout": 0.05, "targets": [f"{x}_proj" for x in "qkvo"]}
    assert model.data.init_args.eval_size == 200
    assert soup.experts == list(model.rewards) and len(soup.experts) == len(READ[name])
    assert (soup.kind, soup.grid) == ("uniform" if len(soup.experts) == 4 else "simplex", 11)


@each
def test_a_small_epoch(name: str, folders: dict[str, str], tmp_path: Path) -> None:
    recipe = Recipe.resolve(*arguments(name, "-c", small(name, folders, tmp_path)))
    module = recipe.fine_tuner(0)
    experts = recipe.check(module)
    recipe.trainer().fit(module)
    trained = {key: weight for key, weight in module.policy.weights().items() if "lora_B" in key}
    assert trained and all(weight.any() for weight in trained.values())
    rollout = module.environment.rollout(module.policy, 0)
    questions = {KEPT[name](i)[2] for i in range(8)}
    assert set(rollout.texts["question"]) < questions
    scores = score(module.rewards, rollout, moment="a test")
    assert all(scores[expert].shape == (2,) and scores[expert].isfinite().all() for expert in experts)
    for expert, read in zip(experts, READ[name], strict=True):
        texts = zip(rollout.texts["question"], rollout.texts["answer"], strict=True)
        assert module.rewards[expert].inputs(rollout) == [read.format(q=q, a=a) for q, a in texts]


def test_a_small_soup(folders: dict[str, str], tmp_path: Path) -> None:
    recipe = str(ROOT / "conf" / "review" / "llama.yaml")
    rsoup("soup", "-c", recipe, "-c", small("review/llama", folders, tmp_path), "--run_dir", str(tmp_path / "run"))
    record = front(tmp_path / "run")
    assert record["experts"] == ["deberta", "electra"]
    assert [point["kind"] for point in record["points"]] == ["expert", "soup", "expert", "init"]
    assert all(math.isfinite(value) for point in record["points"] for value in point["scores"].values())
