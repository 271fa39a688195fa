"""Vision-language chat models as policies, against transformers run alone on each row."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from torch import Tensor
from transformers import AutoModelForImageTextToText

from rsoup_lightning import load, pick, soup
from rsoup_lightning.errors import ConfigError
from rsoup_lightning.merging import linear
from rsoup_lightning.merging.on_disk import merge
from rsoup_lightning.modalities.lora import LoRA
from rsoup_lightning.modalities.tokens import token_log_probs
from rsoup_lightning.modalities.vision_language.chat import ChatModel, Chatter
from rsoup_lightning.modalities.vision_language.chat_policy import ChatPolicy
from rsoup_lightning.modalities.vision_language.environment import PictureEnvironment, picture_names
from rsoup_lightning.rollout import Rollout
from tests.modalities.vision_language.chatting import CHATS, saved_chat
from tests.modalities.vision_language.tiny import Squares
from tests.models_of_today import TABLE, as_said, cells

SECTION = "Vision-language chat models"
POINTS = [(1.0, 0.0), (0.5, 0.5), (0.2, 0.8)]
RECIPE = """
task: rsoup_lightning.modalities.vision_language:VisionLanguageFineTuner
model:
  base:
    class_path: rsoup_lightning.modalities.vision_language.chat.ChatModel
    init_args: {{name: {base}, precision: float32}}
  data: {{class_path: tests.modalities.vision_language.tiny.Squares}}
  rewards:
    plain: {{class_path: tests.modalities.language.tiny.Letters, init_args: {{first: " ", last: "~"}}}}
    odd: {{class_path: tests.modalities.language.tiny.Letters, init_args: {{first: "\\x80", last: "\\uffff"}}}}
  lora: {{rank: 2}}
  algorithm: {{class_path: RLOO, init_args: {{completions: 4}}}}
  optimizer: {{class_path: torch.optim.Adam, init_args: {{lr: 0.3}}}}
  batch_size: 4
  batches_per_epoch: 2
  max_new_tokens: 6
  beams: 1
trainer: {{accelerator: cpu, max_epochs: 1}}
soup: {{grid: 2, shown: 0, films: false}}
"""


class Sizes(Squares):
    """Squares of several shapes."""

    def picture(self, name: str) -> Any:
        wide = 24 + 8 * (len(name) % 4)
        return super().picture(name).resize((wide, 32))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    @cache
    def made(name: str) -> Path:
        folder = tmp_path_factory.mktemp("chat")
        saved_chat(name, folder / "base")
        for seed, expert in enumerate(("kind", "brief")):
            stirred(policy(folder), seed).export(folder / expert)
        return folder

    return made


def chatter(folder: Path) -> Chatter:
    return ChatModel(str(folder / "base"), precision="float32").load()


def policy(folder: Path, lora: LoRA | None = LoRA(rank=2)) -> ChatPolicy:  # noqa: B008
    return ChatPolicy(chatter(folder), Sizes(), picture_names(Sizes()), lora)


def stirred(made: ChatPolicy, seed: int) -> ChatPolicy:
    generator = torch.Generator().manual_seed(seed)
    made.load_weights({name: 0.3 * torch.randn(w.shape, generator=generator) for name, w in made.weights().items()})
    return made


def environment(made: ChatPolicy, **changes: Any) -> PictureEnvironment:
    place = PictureEnvironment(Sizes(), made.vocabulary, context=512, batch_size=4, max_new_tokens=6, **changes)
    place.begin(0)
    return place


@torch.no_grad()
def alone(model: Any, reader: Chatter, rollout: Rollout) -> Tensor:
    """``[B, T]`` log-probabilities by the model, given each row's picture and question as its processor has them."""
    scores, names = torch.zeros(rollout.mask.shape), picture_names(Sizes())
    for row in range(len(rollout)):
        picture = Sizes().picture(names[int(rollout["picture"][row])])
        given = dict(reader.vocabulary.processed(rollout.texts["question"][row], picture))
        answer = rollout["tokens"][row][rollout.mask[row]].unsqueeze(0)
        read = given["input_ids"].shape[1]
        given["input_ids"] = torch.cat([given["input_ids"], answer], 1)
        given["attention_mask"] = torch.ones_like(given["input_ids"])
        if "mm_token_type_ids" in given:
            given["mm_token_type_ids"] = (given["input_ids"] == reader.vocabulary.feature).int()
        logits = model(**given, use_cache=False).logits[:, read - 1 : -1]
        logits[..., reader.vocabulary.silent] = -torch.inf
        scores[row, : answer.shape[1]] = token_log_probs(logits, answer)
    return scores


def test_the_table_has_every_chat_model_that_is_tested() -> None:
    said = {name: row["class"] for name, row in TABLE[SECTION]["models"].items()}
    assert said == {name: type(make()[0]).__name__ for name, make in CHATS.items()}


@cells(SECTION, "rows")
def test_each_row_answers_as_the_weights_merged_at_its_point(
    name: str, said: Any, folders: Any, tmp_path: Path
) -> None:
    with as_said(said):
        folder = folders(name)
        made, reader = policy(folder), chatter(folder)
        experts = [deepcopy(dict(stirred(made, seed).weights())) for seed in (0, 1)]
        soups = made.soups(experts)
        assert soups is not None
        rollout = environment(made, beams=1).evaluate(soups(POINTS), torch.arange(5))
        for number, point in enumerate(POINTS):
            output = tmp_path / str(number)
            merge([folder / "kind", folder / "brief"], output, point, lora="dense", base=folder / "base")
            rows = rollout.rows(torch.arange(5 * number, 5 * number + 5))
            scores = alone(loaded(output), reader, rows)
            torch.testing.assert_close(rows.log_probs, scores, rtol=0, atol=2e-4)
            assert (scores - alone(loaded(folder / "base"), reader, rows)).abs().max() > 0.1


def loaded(folder: Path) -> Any:
    return AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32).eval()


@cells(SECTION, "merge")
def test_merged_adapters_answer_in_peft_as_here(name: str, said: Any, folders: Any, tmp_path: Path) -> None:
    with as_said(said):
        folder = folders(name)
        made, reader = policy(folder), chatter(folder)
        experts = [deepcopy(dict(stirred(made, seed).weights())) for seed in (0, 1)]
        made.load_weights({key: (first + experts[1][key]) / 2 for key, first in experts[0].items()})
        rows = environment(made, beams=1).evaluate(made, torch.arange(5))
        merge([folder / "kind", folder / "brief"], tmp_path / "factor", POINTS[1], lora="factor")
        scores = alone(PeftModel.from_pretrained(loaded(folder / "base"), tmp_path / "factor").eval(), reader, rows)
        torch.testing.assert_close(rows.log_probs, scores, rtol=0, atol=2e-4)


def test_adapters_with_dropout_are_not_trained_together(folders: Any) -> None:
    with pytest.raises(ConfigError, match="dropout"):
        policy(folders("SmolVLM"), LoRA(rank=2, dropout=0.1)).check_mixed()


@cells(SECTION, "whole")
def test_whole_weights_of_the_language_model_are_trained_and_merged(
    name: str, said: Any, folders: Any, tmp_path: Path
) -> None:
    with as_said(said):
        made, experts = policy(folders(name), None), []
        for seed in (0, 1):
            trained(made, seed).export(tmp_path / str(seed))
            experts.append(deepcopy(dict(made.weights())))
        assert not any("vis" in key for key in experts[0])
        merge([tmp_path / "0", tmp_path / "1"], tmp_path / "soup", POINTS[2])
        made.load_weights(linear(experts, POINTS[2]))
        rows = environment(made, beams=1).evaluate(made, torch.arange(5))
        scores = alone(loaded(tmp_path / "soup"), chatter(folders(name)), rows)
        torch.testing.assert_close(rows.log_probs, scores, rtol=0, atol=2e-4)


def trained(made: ChatPolicy, seed: int) -> ChatPolicy:
    """A step uphill on what is sampled."""
    torch.manual_seed(seed)
    rollout = environment(made).rollout(made, 0, completions=2)
    made(rollout).log_probs[rollout.mask].sum().backward()
    with torch.no_grad():
        for weight in made.parameters():
            if weight.grad is not None:
                weight += 1e-3 * weight.grad.sign()
                weight.grad = None
    return made


@cells(SECTION, "run")
def test_a_soup_is_trained_picked_loaded_and_played(
    name: str, said: Any, folders: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rsoup_lightning.run.soup.write_report", lambda *_, **__: None)  # takes longer than all else
    (tmp_path / "recipe.yaml").write_text(RECIPE.format(base=folders(name) / "base"))
    with as_said(said):
        front = soup(str(tmp_path / "recipe.yaml"), run_dir=tmp_path / "run")
        chosen = pick(tmp_path / "run", tmp_path / "picked", preference={"plain": 0.6, "odd": 0.4})
        pictures = [Sizes().picture(f"eval/{colour}") for colour in ("red", "green", "blue")]
        answers = load(tmp_path / "picked").at().describe(pictures, ["", "what is it?", "which?"])
        assert answers == front.at(chosen.coefficients).describe(pictures, ["", "what is it?", "which?"])
        assert any(answers)


def test_gradients_reach_what_is_trained_and_re_scoring_gives_the_log_probs_of_sampling(folders: Any) -> None:
    made = stirred(policy(folders("SmolVLM")), 3)
    torch.manual_seed(0)
    rollout = environment(made).rollout(made, 0, completions=2)
    output = made(rollout)
    torch.testing.assert_close(output.log_probs.detach() * rollout.mask, rollout.log_probs, rtol=0, atol=1e-4)
    output.log_probs.sum().backward()
    assert {name for name, each in made.named_parameters() if each.grad is not None} == set(made.weights())
    assert not torch.isin(rollout["tokens"][rollout.mask], torch.tensor(made.vocabulary.silent)).any()


def test_greedy_answers_are_those_of_generate(folders: Any) -> None:
    folder = folders("Qwen 2.5 VL")
    made, reader = policy(folder), chatter(folder)
    rollout = environment(made, beams=1).evaluate(made, torch.arange(3))
    model, names = loaded(folder / "base"), picture_names(Sizes())
    for row in range(3):
        picture = Sizes().picture(names[int(rollout["picture"][row])])
        given = reader.vocabulary.processed(rollout.texts["question"][row], picture)
        told: dict[str, Any] = {"do_sample": False, "max_new_tokens": 6, "suppress_tokens": reader.vocabulary.silent}
        written = model.generate(**given, **told)[0, given["input_ids"].shape[1] :]
        assert rollout["tokens"][row][rollout.mask[row]].tolist() == written.tolist()


def test_adapters_where_pictures_are_looked_at_are_refused(folders: Any) -> None:
    with pytest.raises(ConfigError, match=r"adapts \S*vision\S*, and what looks at pictures stays as it is"):
        policy(folders("SmolVLM"), LoRA(rank=2, targets=["out_proj"]))


def test_a_row_that_is_longer_than_the_model_reads(folders: Any) -> None:
    made = policy(folders("SmolVLM"))
    made._chatter.model.config.get_text_config().max_position_embeddings = 40
    with pytest.raises(ConfigError, match=r"have \d+ tokens, and the model reads 40: give smaller pictures"):
        environment(made).rollout(made, 0)
