from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from rsoup_lightning.errors import RunFolderError
from rsoup_lightning.run.folders.claim import claim

BEGUN = (
    "run.json",
    "stages/init.json",
    "stages/normalisation.json",
    "init/policy.safetensors",
    "init/adapter_config.json",
    "init/normalisation.json",
)
CONFIG = {"task": "x", "trainer": {"max_epochs": 3, "callbacks": None}}


def test_what_differs_is_said(tmp_path: Path) -> None:
    claim(tmp_path / "run", CONFIG)
    (tmp_path / "run" / "stages").mkdir()
    (tmp_path / "run" / "stages" / "init.json").touch()
    other = {"task": "x", "trainer": {"max_epochs": 4, "callbacks": None}, "model": {"lr": 0.1}}
    with pytest.raises(RunFolderError) as caught:
        claim(tmp_path / "run", other)
    assert "trainer.max_epochs: 3 in the folder, 4 now" in str(caught.value)
    assert "model: None in the folder, {'lr': 0.1} now" in str(caught.value)


def test_what_has_computed_nothing_gives_way(tmp_path: Path) -> None:
    """Its recipe may have had a mistake that its first rollout found."""
    for place in ("run", "run/seed-0"):
        claim(tmp_path / place, CONFIG)
        (tmp_path / place / "run.json").touch()
    (tmp_path / "run" / ".lock").touch()
    claim(tmp_path / "run", CONFIG)
    assert (tmp_path / "run" / "run.json").exists()
    other = {**CONFIG, "task": "y"}
    claim(tmp_path / "run", other)
    assert [file.name for file in (tmp_path / "run").rglob("*") if file.is_file()] == [".lock", "config.yaml"]
    assert yaml.safe_load((tmp_path / "run" / "config.yaml").read_text()) == other


def test_an_init_that_was_not_trained_gives_way(tmp_path: Path) -> None:
    """So a mistake that the first rollout of an expert found is mended, and the same command given again."""
    for epochs, run in ((0, tmp_path / "as_built"), (1, tmp_path / "trained")):
        begun = {**CONFIG, "soup": {"init_epochs": epochs}}
        claim(run, begun)
        for file in BEGUN:
            (run / file).parent.mkdir(exist_ok=True)
            (run / file).touch()
    claim(tmp_path / "as_built", CONFIG)
    left = [file.name for file in (tmp_path / "as_built").rglob("*") if file.is_file()]
    assert left == ["config.yaml"]
    with pytest.raises(RunFolderError, match=r"soup: \{'init_epochs': 1\} in the folder, None now"):
        claim(tmp_path / "trained", CONFIG)


def test_a_recipe_that_no_run_wrote_is_not_taken(tmp_path: Path) -> None:
    for place in ("mine", "mine/ablation"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "config.yaml").write_text("task: x # what I want to try\n")
    with pytest.raises(RunFolderError, match="mine is another configuration's run"):
        claim(tmp_path / "mine", CONFIG)
    assert (tmp_path / "mine" / "ablation" / "config.yaml").exists()
    run = tmp_path / "run"
    claim(run, CONFIG)
    (run / "run.json").touch()
    (tmp_path / "mine").rename(run / "mine")
    with pytest.raises(RunFolderError, match="another configuration's run"):
        claim(run, {**CONFIG, "task": "y"})
    assert (run / "mine" / "config.yaml").read_text() == "task: x # what I want to try\n"


def test_a_peer_that_failed_at_once_gives_way(tmp_path: Path) -> None:
    claim(tmp_path, CONFIG)
    (tmp_path / "peer.log").touch()
    claim(tmp_path, {**CONFIG, "task": "y"})
    assert [file.name for file in tmp_path.iterdir()] == ["config.yaml"]


def test_an_expert_that_was_begun_does_not_give_way(tmp_path: Path) -> None:
    claim(tmp_path, {**CONFIG, "soup": {"init_epochs": 0}})
    (tmp_path / "experts" / "risky").mkdir(parents=True)
    (tmp_path / "experts" / "risky" / "last.ckpt").touch()
    with pytest.raises(RunFolderError, match="another configuration's run"):
        claim(tmp_path, CONFIG)


def test_a_folder_of_other_files_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(RunFolderError, match="no run folder"):
        claim(tmp_path, CONFIG)


def test_a_damaged_configuration(tmp_path: Path) -> None:
    for text in ("{unclosed", "!!python/object/apply:os.system [false]", "a: 1\n  b: 2", "{" * 10_000):
        (tmp_path / "config.yaml").write_text(text)
        with pytest.raises(RunFolderError, match=r"config\.yaml is not readable") as caught:
            claim(tmp_path, CONFIG)
        assert "\n" not in str(caught.value)
