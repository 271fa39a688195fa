"""Runs and picks as folders of the hub, read again by huggingface_hub and by our own commands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest

from rsoup_lightning import load, pick, push, soup
from rsoup_lightning.errors import ConfigError, OutputError, RunFolderError
from rsoup_lightning.files import read_value, write_json
from rsoup_lightning.run.recipes.parsing import read_recipe
from tests.running import POINT_RECIPE


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pushed")
    (folder / "recipe.yaml").write_text(POINT_RECIPE)
    soup(str(folder / "recipe.yaml"), run_dir=folder / "run")
    return folder / "run"


@pytest.fixture
def no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "https://hub.invalid")
    for variable in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)


def test_a_run_is_written_with_a_card_that_the_hub_reads(run: Path, tmp_path: Path) -> None:
    assert push(run, "org/soup", output=tmp_path / "out") == str(tmp_path / "out")
    card = huggingface_hub.ModelCard.load(tmp_path / "out" / "README.md")
    assert card.data.library_name == "rsoup_lightning" and "rewarded-soups" in (card.data.tags or [])
    assert card.data.license is None and "licence of the base is not known" in card.text
    for said in ("![The front](front.png)", "| east | yes |", "expert (λ: east 1, north 0)", "soup (λ: east 0.5"):
        assert said in card.text
    assert (tmp_path / "out" / "front.png").read_bytes().startswith(b"\x89PNG")
    assert not (tmp_path / "out" / "stages").exists()
    here, there = load(run), load(tmp_path / "out")
    assert there.experts == here.experts and there.front is not None
    assert there.front.record == here.front.record if here.front else False


def test_a_pick_is_written_with_its_front_and_what_was_chosen(run: Path, tmp_path: Path) -> None:
    pick(run, tmp_path / "picked", preference={"east": 0.5, "north": 0.5})
    push(tmp_path / "picked", "org/half", output=tmp_path / "out")
    text = (tmp_path / "out" / "README.md").read_text()
    assert "picked for the preference μ = (east 0.5, north 0.5)" in text and 'load("org/half").at()' in text
    assert "![The front](front.png)" in text and str(run.parent) not in (tmp_path / "out" / "pick.json").read_text()
    assert load(tmp_path / "out").experts == ("picked",)
    run.rename(run.parent / "moved")
    try:
        push(tmp_path / "picked", "org/half", output=tmp_path / "again")
    finally:
        (run.parent / "moved").rename(run)
    assert "front.png" not in (tmp_path / "again" / "README.md").read_text()


def test_what_is_written_is_uploaded_where_there_is_a_hub(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: dict[str, Any] = {}

    class Hub:
        def create_repo(self, repo: str, **settings: Any) -> str:
            said.update(repo=repo, **settings)
            return f"https://hub/{repo}"

        def upload_folder(self, *, folder_path: Path, **settings: Any) -> None:
            said.update(files={file.name for file in folder_path.iterdir()}, **settings)

    monkeypatch.setattr(huggingface_hub, "HfApi", Hub)
    monkeypatch.setattr("rsoup_lightning.run.finished.push.out_of_reach", lambda: False)
    assert push(run, "org/soup", private=True) == "https://hub/org/soup"
    assert said["repo_id"] == said["repo"] == "org/soup" and said["private"] and said["exist_ok"]
    assert {"README.md", "config.yaml", "experts", "front.json", "front.png"} <= said["files"]

    def refuses(*_: Any, **__: Any) -> None:
        raise PermissionError("you may not write there")

    monkeypatch.setattr(Hub, "create_repo", refuses)
    with pytest.raises(ConfigError, match=r"does not take org/soup: you may not write there\. log in with: hf auth"):
        push(run, "org/soup")


def test_the_licence_of_the_base_is_that_of_its_card(run: Path, tmp_path: Path, no_hub: None) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "README.md").write_text("---\nlicense: apache-2.0\n---\n# A base\n")
    recipe = (run / "config.yaml").read_text()
    (run / "config.yaml").write_text(recipe.replace("model:\n", f"model:\n  base: {tmp_path / 'base'}\n"))
    try:
        push(run, "org/soup", output=tmp_path / "out")
    finally:
        (run / "config.yaml").write_text(recipe)
    card = huggingface_hub.ModelCard.load(tmp_path / "out" / "README.md")
    assert card.data.license == "apache-2.0" and "the licence `apache-2.0`" in card.text
    assert card.data.base_model is None and "base `base`" in card.text and str(tmp_path) not in card.text


def test_no_text_names_a_place_on_the_machine(run: Path, tmp_path: Path) -> None:
    data, recipe, about = tmp_path / "my data.jsonl", (run / "config.yaml").read_text(), (run / "run.json").read_text()
    data.touch()
    adapter, stock = run / "experts" / "east" / "adapter_config.json", run / "experts" / "east" / "README.md"
    (run / "config.yaml").write_text(recipe.replace("model:\n", f"model:\n  data: {{file: {data}}}\n"))
    (run / "run.json").write_text(json.dumps({**json.loads(about), "inputs": {str(data): {data.name: [0, 0, "x"]}}}))
    write_json(adapter, {"base_model_name_or_path": str(tmp_path / "models" / "base"), "r": 4})
    stock.write_text(f"base_model:adapter:{tmp_path}/base\n")
    try:
        push(run, "org/soup", output=tmp_path / "out")
        (run / "config.yaml").write_text(recipe)
        pick(run, tmp_path / "picked", preference={"east": 0.5, "north": 0.5})
        merged = {str(run / "experts" / "east"): 0.5, str(run / "experts" / "north"): 0.5}
        write_json(tmp_path / "picked" / "merge.json", {"coefficients": merged})
        push(tmp_path / "picked", "org/picked", output=tmp_path / "out2")
    finally:
        (run / "config.yaml").write_text(recipe)
        (run / "run.json").write_text(about)
        adapter.unlink()
        stock.unlink()
    for file in [*(tmp_path / "out").rglob("*"), *(tmp_path / "out2").rglob("*")]:
        if file.is_file() and file.suffix not in (".safetensors", ".png"):
            assert str(tmp_path.parents[1]) not in file.read_text(), file
    assert read_recipe(tmp_path / "out" / "config.yaml")["model"]["data"] == {"file": "my data.jsonl"}
    assert (
        read_value(tmp_path / "out" / "experts" / "east" / "adapter_config.json")["base_model_name_or_path"] == "base"
    )
    assert read_value(tmp_path / "out2" / "merge.json") == {"coefficients": {"east": 0.5, "north": 0.5}}
    assert read_value(tmp_path / "out2" / "pick.json")["run"] == "run"
    card = (tmp_path / "out" / "README.md").read_text()
    assert "are not here and are written by name: `my data.jsonl`." in card and "file: my data.jsonl" in card
    assert "are not here" not in (tmp_path / "out2" / "README.md").read_text()


def test_what_cannot_be_pushed(run: Path, tmp_path: Path, no_hub: None) -> None:
    with pytest.raises(ConfigError, match="'soup' is no name on the hub: write it as ORGANISATION/NAME"):
        push(run, "soup", output=tmp_path / "out")
    with pytest.raises(RunFolderError, match="is no finished run and no pick"):
        push(tmp_path, "org/soup", output=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(ConfigError, match="the hub cannot be reached: write the folder with --output"):
        push(run, "org/soup")
    push(run, "org/soup", output=tmp_path / "out")
    with pytest.raises(OutputError, match="exists: choose another output, or --overwrite"):
        push(run, "org/soup", output=tmp_path / "out")
    push(run, "org/soup", output=tmp_path / "out", overwrite=True)
