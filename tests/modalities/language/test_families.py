"""Language models of today through the same code: what the manual's table says of each."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from torch import Tensor
from transformers import AutoModelForCausalLM

from rsoup_lightning import Soup, load, pick, soup
from rsoup_lightning.algorithms import RLOO
from rsoup_lightning.merging import linear
from rsoup_lightning.merging.on_disk import merge
from rsoup_lightning.modalities.language import LanguageFineTuner
from rsoup_lightning.modalities.language.policy import LanguagePolicy
from rsoup_lightning.modalities.lora import LoRA
from rsoup_lightning.rollout import Rollout
from tests.conftest import quiet_trainer
from tests.modalities.language.families import CONFIGS, family
from tests.modalities.language.test_policy import environment, plain, stirred
from tests.modalities.language.tiny import Letters, Sentences, saved
from tests.models_of_today import TABLE, as_said, cells

SECTION = "Language models"
POINTS = [(1.0, 0.0), (0.5, 0.5), (0.2, 0.8)]
PROMPTS = ["the cat", "a dog ran on the big road", "mat"]
RECIPE = """
task: rsoup_lightning.modalities.language:LanguageFineTuner
model:
  base: {base}
  data: {{class_path: tests.modalities.language.tiny.Sentences, init_args: {{size: 4, eval_size: 4}}}}
  rewards:
    plain: {{class_path: tests.modalities.language.tiny.Letters, init_args: {{first: " ", last: "~"}}}}
    odd: {{class_path: tests.modalities.language.tiny.Letters, init_args: {{first: "\\x80", last: "\\uffff"}}}}
  lora: {{rank: 2}}
  precision: float32
  algorithm: {{class_path: RLOO, init_args: {{completions: 4}}}}
  optimizer: {{class_path: torch.optim.Adam, init_args: {{lr: 0.3}}}}
  batch_size: 4
  batches_per_epoch: 2
  max_new_tokens: 8
trainer: {{accelerator: cpu, max_epochs: 1}}
soup: {{grid: 2, shown: 0, films: false}}
"""


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], dict[str, str]]:
    """The folders of a family's base and of two adapters of it."""

    @cache
    def made(name: str) -> dict[str, str]:
        folder = tmp_path_factory.mktemp("family")
        found = {"base": saved(folder / "base", family(name))}
        policy = LanguagePolicy(family(name), LoRA(rank=2))
        for seed, expert in enumerate(("kind", "brief")):
            stirred(policy, seed).export(folder / expert)
            found[expert] = str(folder / expert)
        return found

    return made


def adapters(places: dict[str, str]) -> dict[str, str]:
    return {name: place for name, place in places.items() if name != "base"}


def played(places: dict[str, str]) -> Rollout:
    """Five prompts, completed at each λ in one batch."""
    made = Soup.from_adapters(places["base"], adapters(places), precision="float32")
    return environment(max_new_tokens=12).evaluate(made.mixed(POINTS), torch.arange(5))


def loaded(folder: str | Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def test_the_table_has_every_model_that_is_tested() -> None:
    models = TABLE[SECTION]["models"]
    assert list(models) == list(CONFIGS)
    assert {name: type(family(name)).__name__ for name in models} == {
        name: row["class"] for name, row in models.items()
    }


@cells(SECTION, "run")
def test_a_soup_is_trained_picked_and_loaded(
    name: str, said: Any, places: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rsoup_lightning.run.soup.write_report", lambda *_, **__: None)  # takes longer than all else
    (tmp_path / "recipe.yaml").write_text(RECIPE.format(base=places(name)["base"]))
    with as_said(said):
        front = soup(str(tmp_path / "recipe.yaml"), run_dir=tmp_path / "run")
        chosen = pick(tmp_path / "run", tmp_path / "picked", preference={"plain": 0.6, "odd": 0.4})
        answers = load(tmp_path / "picked").at().generate(PROMPTS, seed=3)
        assert answers == front.at(chosen.coefficients).generate(PROMPTS, seed=3)
        experts = [load(tmp_path / "run").at({expert: 1}).generate(PROMPTS, seed=3) for expert in ("plain", "odd")]
        assert experts[0] != experts[1] and all(map(any, (answers, *experts)))


@cells(SECTION, "rows")
def test_each_row_answers_as_the_weights_merged_at_its_point(name: str, said: Any, places: Any, tmp_path: Path) -> None:
    with as_said(said):
        found = places(name)
        rollout, base = played(found), loaded(found["base"])
        for number, point in enumerate(POINTS):
            merge(list(adapters(found).values()), tmp_path / str(number), point, lora="dense", base=found["base"])
            rows = rollout.rows(torch.arange(5 * number, 5 * number + 5))
            torch.testing.assert_close(rows.log_probs, plain(loaded(tmp_path / str(number)), rows), rtol=0, atol=2e-4)
            assert (rows.log_probs - plain(base, rows)).abs().max() > 0.1


@cells(SECTION, "merge")
def test_merged_adapters_answer_in_peft_as_here(name: str, said: Any, places: Any, tmp_path: Path) -> None:
    with as_said(said):
        found, (mode, other) = places(name), ("exact", "factor")
        rows = played(found).rows(torch.arange(5, 10))
        for lora in (mode, other):
            merge(list(adapters(found).values()), tmp_path / lora, POINTS[1], lora=lora)
        scores = {lora: plain(merged(found, tmp_path / lora), rows) for lora in (mode, other)}
        torch.testing.assert_close(scores[mode], rows.log_probs, rtol=0, atol=2e-4)
        policy = LanguagePolicy(loaded(found["base"]), LoRA(rank=2))
        experts = [deepcopy(stirred(policy, seed).weights()) for seed in (0, 1)]
        policy.load_weights({key: (first + experts[1][key]) / 2 for key, first in experts[0].items()})
        torch.testing.assert_close(scores[other], policy(rows).log_probs * rows.mask, rtol=0, atol=2e-4)
        assert (scores[mode] - scores[other]).abs().max() > 0.01


def merged(places: dict[str, str], adapter: Path) -> Any:
    return PeftModel.from_pretrained(loaded(places["base"]), adapter).eval()


@cells(SECTION, "whole")
def test_whole_weights_are_trained_and_merged(name: str, said: Any, places: Any, tmp_path: Path) -> None:
    with as_said(said):
        experts: list[dict[str, Tensor]] = []
        for number, reward in enumerate((Letters(), Letters("n", "z"))):
            module = trained_whole(places(name)["base"], reward)
            module.policy.export(tmp_path / str(number))
            experts.append({key: tensor.clone() for key, tensor in module.policy.weights().items()})
        assert any(not torch.equal(*pair) for pair in zip(*(each.values() for each in experts), strict=True))
        merge([tmp_path / "0", tmp_path / "1"], tmp_path / "soup", POINTS[2])
        module.policy.load_weights(linear(experts, POINTS[2]))
        rows = environment().evaluate(module.policy, torch.arange(5))
        torch.testing.assert_close(plain(loaded(tmp_path / "soup"), rows), rows.log_probs, rtol=0, atol=2e-4)


def trained_whole(base: str, reward: Letters) -> LanguageFineTuner:
    torch.manual_seed(0)
    settings = {"lora": None, "precision": "float32", "batch_size": 4, "batches_per_epoch": 1, "max_new_tokens": 6}
    optimizer = partial(torch.optim.Adam, lr=0.01)
    module = LanguageFineTuner(base, Sentences(), {"letters": reward}, None, RLOO(4), optimizer=optimizer, **settings)
    quiet_trainer(max_epochs=1).fit(module)
    return module


@cells(SECTION, "serve")
def test_rows_that_come_and_go_answer_as_they_would_alone(name: str, said: Any, places: Any) -> None:
    with as_said(said):
        found = places(name)
        made = Soup.from_adapters(found["base"], adapters(found), precision="float32", max_new_tokens=12)
        player, texts = made.at([dict(zip(made.experts, point, strict=True)) for point in POINTS]), [""] * len(POINTS)
        for row, piece in player.stream(PROMPTS, greedy=True, max_rows=2, slice_tokens=7):
            texts[row] += piece.text
        assert texts == player.generate(PROMPTS, greedy=True) and all(texts)
