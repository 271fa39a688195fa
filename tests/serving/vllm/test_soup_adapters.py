from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch

from rsoup_lightning.errors import RSoupError
from rsoup_lightning.merging.adapters.adapter import read_adapter
from rsoup_lightning.serving.vllm.adapter_cache import AdapterCache
from rsoup_lightning.serving.vllm.soup_adapters import SoupAdapters, soups_of
from tests.conftest import ROOT
from tests.serving.adapters import adapter


@pytest.fixture
def setting(tmp_path: Path) -> str:
    """Two adapters that somebody has, and a run of the same."""
    places = {name: str(adapter(tmp_path / name, rank, rank)) for name, rank in (("kind", 2), ("brief", 3))}
    for name, rank in (("imdb", 2), ("tomatoes", 3)):
        adapter(tmp_path / "run" / "experts" / name, rank, rank)
    (tmp_path / "run" / "front.json").write_text(json.dumps({"experts": ["imdb", "tomatoes"]}))
    return json.dumps({"mine": places, "review": str(tmp_path / "run")})


@pytest.fixture
def adapters(setting: str, tmp_path: Path) -> SoupAdapters:
    return SoupAdapters(soups_of(setting), AdapterCache(tmp_path / "cache", 9), steps=20)


def test_the_soups_of_the_manual(setting: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (ROOT / "docs" / "howto" / "vllm.md").read_text()
    (example,) = re.findall(r"RSOUP_SOUPS='(.*)'", page)
    (tmp_path / "runs").mkdir()
    for made, called in (("run", "runs/review-smollm2"), ("kind", "LORA1"), ("brief", "LORA2")):
        (tmp_path / made).rename(tmp_path / called)
    monkeypatch.chdir(tmp_path)
    assert {name: list(soup.experts) for name, soup in soups_of(example).items()} == {
        "review": ["imdb", "tomatoes"],
        "tuned": ["kind", "brief"],
    }


def _update(folder: Path) -> torch.Tensor:
    (item,) = read_adapter(folder).modules.values()
    return item.scaling * item.B @ item.A


@pytest.mark.parametrize("name", ["mine@0.3,0.7", "review@0.3,0.7", "mine@brief=0.7,kind=0.3", "mine@0.31,0.69"])
def test_a_name_stands_for_the_exact_merge(adapters: SoupAdapters, tmp_path: Path, name: str) -> None:
    held = adapters.held(name)
    assert held and held.path.parent == tmp_path / "cache"
    expected = 0.3 * _update(tmp_path / "kind") + 0.7 * _update(tmp_path / "brief")
    torch.testing.assert_close(_update(held.path), expected)


def test_names_of_one_point_share_its_adapter(adapters: SoupAdapters, tmp_path: Path) -> None:
    names = ["mine@0.3,0.7", "mine@kind=0.3,brief=0.7", "mine@0.32,0.68"]
    paths = {held.path for held in map(adapters.held, names) if held}
    assert len(paths) == 1 and len(list((tmp_path / "cache").iterdir())) == 1


def test_an_expert_alone_is_that_adapter(adapters: SoupAdapters, tmp_path: Path) -> None:
    held = adapters.held("mine@1,0")
    assert held and torch.equal(_update(held.path), _update(tmp_path / "kind"))


def test_ranks(adapters: SoupAdapters) -> None:
    assert adapters.soups["mine"].ranks() == {"kind": 2, "brief": 3}
    held = adapters.held("mine@0.5,0.5")
    assert held and read_adapter(held.path).config["r"] == 5


def test_experts_of_two_bases_have_no_ranks(adapters: SoupAdapters, tmp_path: Path) -> None:
    file = tmp_path / "brief" / "adapter_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "base_model_name_or_path": "another"}))
    with pytest.raises(RSoupError, match="base_model_name_or_path is None in kind but 'another' in brief"):
        adapters.soups["mine"].ranks()


@pytest.mark.parametrize("name", ["base", "mine", "other@0.3,0.7", ""])
def test_names_of_others_are_theirs(adapters: SoupAdapters, name: str) -> None:
    assert adapters.held(name) is None


def test_experts_that_have_changed_make_another_adapter(setting: str, tmp_path: Path) -> None:
    def path() -> Path:
        held = SoupAdapters(soups_of(setting), AdapterCache(tmp_path / "cache", 9)).held("mine@0.5,0.5")
        assert held
        return held.path

    before = path()
    assert path() == before
    (tmp_path / "brief" / "adapter_model.safetensors").unlink()
    (tmp_path / "brief" / "adapter_config.json").unlink()
    (tmp_path / "brief").rmdir()
    adapter(tmp_path / "brief", 3, seed=8)
    assert path() != before


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("review", "name them as in"),
        ("{", "name them as in"),
        ("{}", "name them as in"),
        ("{mine: [a, b]}", "a run's folder, or a mapping of experts"),
        ("{mine: {kind: 3}}", "a run's folder, or a mapping of experts"),
        ("{mine: {}}", "'mine' has no experts"),
        ("{a@b: {kind: x}}", "cannot be called 'a@b'"),
        ("{a/b: {kind: x}}", "cannot be called 'a/b'"),
        ("{.a: {kind: x}}", "cannot be called '.a'"),
        ("{mine: {kind: nowhere}}", "nowhere is no adapter of PEFT"),
        ("{mine: nowhere}", "a run that rsoup soup has completed"),
    ],
)
def test_soups_that_are_none_are_refused(text: str, said: str) -> None:
    with pytest.raises(RSoupError, match=said):
        soups_of(text)


@pytest.mark.parametrize("steps", [0, 1001])
def test_lattices_that_are_none_are_refused(setting: str, tmp_path: Path, steps: int) -> None:
    with pytest.raises(RSoupError, match=f"a lattice of {steps} steps"):
        SoupAdapters(soups_of(setting), AdapterCache(tmp_path, 1), steps)
