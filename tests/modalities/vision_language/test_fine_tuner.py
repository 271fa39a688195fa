"""A soup of captioners on a tiny model, through the public commands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from rsoup_lightning import load, pick
from rsoup_lightning.algorithms import PPO, RLOO, SCST
from rsoup_lightning.errors import ConfigError, PictureError, RewardError
from rsoup_lightning.kl_penalty import KLPenalty
from rsoup_lightning.merging import read_weights
from rsoup_lightning.modalities.lora import LoRA
from rsoup_lightning.modalities.vision_language import PictureEnvironment, VisionLanguageFineTuner
from rsoup_lightning.modalities.vision_language.chat import ChatModel
from rsoup_lightning.modalities.vision_language.rewards import Bleu, CiderD, RougeL
from tests.conftest import quiet_trainer
from tests.modalities.vision_language.tiny import Squares, small
from tests.running import front, rsoup

RECIPE = """
task: rsoup_lightning.modalities.vision_language:VisionLanguageFineTuner
model:
  base:
    class_path: rsoup_lightning.modalities.vision_language.small.SmallCoCa
    init_args:
      {image_size: 16, patch_size: 8, width: 32, encoder_layers: 1, text_layers: 1, context: 10, shift: 1,
       pretraining: {steps: 4, batch_size: 8, learning_rate: 0.01}}
  data: {class_path: tests.modalities.vision_language.tiny.Squares}
  rewards:
    bleu1: {class_path: rsoup_lightning.modalities.vision_language.rewards.Bleu}
    cider: {class_path: rsoup_lightning.modalities.vision_language.rewards.CiderD}
  algorithm: {class_path: RLOO, init_args: {completions: 8}}
  optimizer: {class_path: torch.optim.Adam, init_args: {lr: 0.003}}
  batch_size: 6
  batches_per_epoch: 16
  max_new_tokens: 4
  beams: 2
trainer: {accelerator: cpu, max_epochs: 1}
soup: {normalise: 2, grid: 3, shown: 2, films: false}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    (folder / "tiny.yaml").write_text(RECIPE)
    done = rsoup(
        *("soup", "-c", str(folder / "tiny.yaml"), "--run_dir", str(folder / "run")),
        RSOUP_CACHE=str(folder / "cache"),
        OMP_NUM_THREADS="1",
    )
    assert "row 0: bleu1" in done.stderr  # the audit of what rewards read
    assert "pre-training of a small CoCa: step 4 of 4" in done.stderr
    assert {path.name for path in (folder / "cache").iterdir()} == {"coca", "features"}
    return folder / "run"


def test_experts_beat_init_on_their_own_reward(run: Path) -> None:
    points = front(run)["points"]
    init = next(point for point in points if point["kind"] == "init")
    experts = [point for point in points if point["kind"] == "expert"]
    assert len(points) == 4 and len(experts) == 2
    for point in experts:
        (name,) = point["preference"]
        assert point["scores"][name] > init["scores"][name] + 0.05


def test_fluency_stands_beside_every_point_and_has_no_expert(run: Path) -> None:
    record = front(run)
    assert record["experts"] == ["bleu1", "cider"]
    assert all(point["scores"]["fluency"] < 0 for point in record["points"])


def test_shown_the_picture_that_all_points_share(run: Path) -> None:
    shown = [json.loads(file.read_text())["shown"] for file in sorted((run / "shown").glob("*.json"))]
    assert len(shown) == 4 and all(len(rows) == 2 for rows in shown)
    for number in range(2):
        assert len({rows[number]["title"] for rows in shown}) == 1
        (media,) = {rows[number]["media"] for rows in shown}
        with Image.open(run / "shown" / media) as picture:
            assert picture.size == (20, 20)
    for rows in shown:
        assert rows[0]["read"]["bleu1"]["text"].startswith(rows[0]["text"] + " | a red square")
    report = (run / "report.html").read_text()
    assert "data:image/webp;base64," in report


def test_experts_hold_the_text_side(run: Path) -> None:
    weights = read_weights(run / "experts" / "bleu1")
    assert {name.split(".")[1] for name in weights} == {"text", "text_decoder"}


def test_a_run_and_what_is_picked_of_it_describe_as_they_were_evaluated(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RSOUP_CACHE", str(run.parent / "cache"))
    soup, data = load(run), Squares()
    items = data.items("eval")[:2]
    asked = {"pictures": [data.picture(item.picture) for item in items], "questions": [i.question for i in items]}
    for number, point in enumerate(front(run)["points"]):
        if point["coefficients"]:
            shown = json.loads((run / "shown" / f"{number:03d}.json").read_text())["shown"]
            assert soup.at(point["coefficients"]).describe(**asked) == [each["text"] for each in shown]
    chosen = pick(run, tmp_path / "picked", preference={"bleu1": 0.6, "cider": 0.4})
    assert load(tmp_path / "picked").at().describe(**asked) == soup.at(chosen.coefficients).describe(**asked)


def made(**changes: Any) -> VisionLanguageFineTuner:
    torch.manual_seed(0)
    settings = {"batch_size": 3, "batches_per_epoch": 2, "max_new_tokens": 4, **changes}
    data = settings.pop("data", Squares())
    rewards = settings.pop("rewards", {"bleu1": Bleu(), "rouge": RougeL()})
    return VisionLanguageFineTuner(small(), data, rewards, **settings)


@pytest.mark.parametrize("algorithm", [RLOO(4), SCST()], ids=["rloo", "scst"])
@pytest.mark.parametrize("train_encoder", [False, True])
def test_a_resumed_training_equals_one_that_was_not_killed(
    train_encoder: bool, algorithm: RLOO | SCST, tmp_path: Path
) -> None:
    settings = {"train_encoder": train_encoder, "algorithm": algorithm, "kl": KLPenalty(0.1, target=1.0)}
    module, trainer = made(**settings), quiet_trainer(max_epochs=1)
    before = {name: tensor.clone() for name, tensor in module.policy.state_dict().items()}
    trainer.fit(module)
    trainer.save_checkpoint(tmp_path / "part.ckpt")
    again, whole = made(**settings), made(**settings)
    quiet_trainer(max_epochs=2).fit(again, ckpt_path=tmp_path / "part.ckpt", weights_only=True)
    quiet_trainer(max_epochs=2).fit(whole)
    trained = whole.policy.weights()
    for name, tensor in whole.policy.state_dict().items():
        assert torch.equal(tensor, again.policy.state_dict()[name]), name
        assert name in trained or torch.equal(tensor, before[name]), name
    moved = [name for name, tensor in trained.items() if not torch.equal(tensor, before[name])]
    assert len(moved) > 0.8 * len(trained)


def test_checkpoints_hold_what_is_trained_only(tmp_path: Path) -> None:
    module, trainer = made(), quiet_trainer(max_epochs=1)
    trainer.fit(module)
    trainer.save_checkpoint(tmp_path / "part.ckpt")
    assert read_weights(tmp_path / "part.ckpt").keys() == module.policy.weights().keys()
    again = made(init_weights=str(tmp_path / "part.ckpt"))
    for name, tensor in module.policy.weights().items():
        assert torch.equal(tensor, again.policy.weights()[name])


@pytest.mark.parametrize("settings", [{"train_encoder": True}, {"features": "seen"}, {"bad_pictures": "skip"}])
def test_settings_of_coca_are_refused_for_a_chat_model(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="are for CoCa: leave them out"):
        VisionLanguageFineTuner(ChatModel("not loaded"), Squares(), {"bleu": Bleu()}, **settings)


def test_adapters_of_coca_are_refused() -> None:
    with pytest.raises(ConfigError, match="lora is for a chat model, and CoCa trains whole weights"):
        VisionLanguageFineTuner(small(), Squares(), {"bleu": Bleu()}, lora=LoRA())


def test_what_needs_a_frozen_encoder_or_a_critic() -> None:
    with pytest.raises(ConfigError, match="are for a frozen encoder: set train_encoder to false"):
        made(train_encoder=True, features="folder")
    with pytest.raises(ConfigError, match="are for a frozen encoder: set train_encoder to false"):
        made(train_encoder=True, bad_pictures="skip")
    with pytest.raises(ConfigError, match="PPO needs a critic, and captioners have none: choose RLOO, GRPO or SCST"):
        made(algorithm=PPO())
    with pytest.raises(ConfigError, match="no task to look rewards up in: give each one's class_path"):
        made(rewards=["bleu1"])


def test_unreadable_pictures_are_refused_or_left_out() -> None:
    damaged = Squares(absent=["red"])
    with pytest.raises(PictureError, match=r"train/red cannot be read: it is damaged; set bad_pictures to skip"):
        made(data=damaged)
    module = made(data=damaged, bad_pictures="skip")
    assert isinstance(module.environment, PictureEnvironment)
    assert module.environment.unreadable == {"train/red", "eval/red"}
    quiet_trainer(max_epochs=1).fit(module)
    assert quiet_trainer().test(module, verbose=False)[0]["test/bleu1"] >= 0


def test_features_in_a_folder_of_ones_own(tmp_path: Path) -> None:
    made(features=str(tmp_path / "seen"))
    assert {path.name for path in (tmp_path / "seen").iterdir()} == {"features.json", "features.npy"}
    with pytest.raises(ConfigError, match="seen are of another encoder: delete it, or name another folder"):
        made(features=str(tmp_path / "seen"), data=Squares("pink"), rewards={"rouge": RougeL()})


def test_an_item_without_reference_is_named_before_training() -> None:
    with pytest.raises(RewardError, match=r"train/red.* has no reference caption"):
        made(data=Squares(wordless=["red"]), rewards={"cider": CiderD()})
