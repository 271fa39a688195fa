from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.loading import load_pretrained


def read_config(path: str, **options: Any) -> tuple[Any, dict[str, Any]]:
    """A loader that reads a folder's config.json."""
    return json.loads((Path(path) / "config.json").read_text()), options


@pytest.fixture
def no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub whose name nobody resolves."""
    monkeypatch.setenv("HF_ENDPOINT", "https://hub.invalid")
    for variable in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)


def test_a_folder_is_loaded_with_the_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.json").write_text('{"size": 3}')
    assert load_pretrained(read_config, str(tmp_path), "config", dtype="float32") == ({"size": 3}, {"dtype": "float32"})
    monkeypatch.setenv("HOME", str(tmp_path.parent))
    assert load_pretrained(read_config, f"~/{tmp_path.name}", "config") == ({"size": 3}, {})


def test_a_folder_without_what_is_wanted(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=rf"the folder {tmp_path} holds no config that can be loaded: .*No such file"):
        load_pretrained(read_config, str(tmp_path), "config")
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ConfigError, match="holds no config that can be loaded: Expecting property name"):
        load_pretrained(read_config, str(tmp_path), "config")


@pytest.mark.parametrize("name", ["/nowhere/model", "./nowhere", "~/nowhere", "a/b/c"])
def test_a_path_that_is_no_folder(name: str) -> None:
    with pytest.raises(ConfigError, match=f"there is no folder {name} to load the tokenizer from"):
        load_pretrained(read_config, name, "tokenizer")


@pytest.mark.usefixtures("no_hub")
def test_a_hub_name_without_a_network() -> None:
    transformers = pytest.importorskip("transformers")
    with pytest.raises(ConfigError, match=r"tokenizer 'no-org/no-model'.*cannot be reached.*path of a folder"):
        load_pretrained(transformers.AutoTokenizer.from_pretrained, "no-org/no-model", "tokenizer")


@pytest.mark.usefixtures("no_hub")
def test_a_mistyped_folder_without_a_network_is_said_at_once(capfd: pytest.CaptureFixture[str]) -> None:
    """A model's loader would ask the hub six times, in most of half a minute, whether the name is an adapter's."""
    transformers = pytest.importorskip("transformers")
    with pytest.raises(ConfigError, match=f"'no-model': there is no such folder in {Path.cwd()},"):
        load_pretrained(transformers.AutoModelForCausalLM.from_pretrained, "no-model", "model")
    assert "Retrying" not in capfd.readouterr().err
    assert not pytest.importorskip("huggingface_hub").constants.HF_HUB_OFFLINE  # what comes later may ask again


@pytest.mark.usefixtures("no_hub")
def test_an_earlier_download_serves_without_a_network() -> None:
    assert load_pretrained(lambda name, **options: (name, options), "org/model", "model") == (
        "org/model",
        {"local_files_only": True},
    )


def test_a_hub_that_answers_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://localhost:1")
    assert load_pretrained(lambda name, **options: options, "org/model", "model") == {}


@pytest.mark.usefixtures("no_hub")
def test_behind_a_proxy_the_hub_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.invalid:1")
    assert load_pretrained(lambda name, **options: options, "org/model", "model") == {}


def test_what_the_hub_refuses_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://localhost:1")

    def refuse(name: str) -> None:
        raise OSError("this is a gated\nrepository")

    with pytest.raises(ConfigError, match="cannot load the model 'org/model': this is a gated repository"):
        load_pretrained(refuse, "org/model", "model")
