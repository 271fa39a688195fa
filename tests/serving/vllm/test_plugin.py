"""The plug-in against stand-ins of the three classes of vLLM that it meets; ``make test-vllm`` runs it in vLLM."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from configparser import ConfigParser
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from rsoup_lightning.errors import ConfigError, MergeError
from rsoup_lightning.serving.vllm import plugin
from rsoup_lightning.serving.vllm.soup_adapters import LATTICE
from tests.conftest import ROOT
from tests.serving.adapters import adapter


class LoRARequest:
    """As vLLM's, which is a ``Struct`` of msgspec."""

    def __init_subclass__(cls, **options: bool) -> None:
        assert options == {"array_like": True, "omit_defaults": True, "weakref": True}

    def __init__(self, lora_name: str, lora_int_id: int, lora_path: str) -> None:
        self.lora_name, self.lora_int_id, self.lora_path = lora_name, lora_int_id, lora_path


@pytest.fixture
def resolvers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What was registered, in an environment that names a soup."""
    registered: dict[str, Any] = {}
    modules: dict[str, dict[str, Any]] = {
        "vllm": {"envs": SimpleNamespace(VLLM_ALLOW_RUNTIME_LORA_UPDATING=True)},
        "vllm.lora": {},
        "vllm.lora.request": {"LoRARequest": LoRARequest},
        "vllm.lora.resolver": {
            "LoRAResolver": object,
            "LoRAResolverRegistry": SimpleNamespace(register_resolver=registered.__setitem__),
        },
    }
    for name, content in modules.items():
        module = ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
    places = {name: str(adapter(tmp_path / name, 2, seed)) for seed, name in enumerate(("kind", "brief"))}
    monkeypatch.setenv("RSOUP_SOUPS", json.dumps({"mine": places}))
    monkeypatch.setenv("RSOUP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("RSOUP_KEEP", "1")
    plugin.configured.cache_clear()
    return registered


def _resolved(resolvers: dict[str, Any], name: str) -> Any:
    return asyncio.run(resolvers["rsoup"].resolve_lora("base", name))


def test_vllm_finds_it() -> None:
    settings = ConfigParser()
    settings.read(ROOT / "setup.cfg")
    wanted = {"general": plugin.register_soups, "endpoint": plugin.SoupEndpoint}
    for kind, expected in wanted.items():
        group = f"vllm.{kind}_plugins"
        name, value = settings["options.entry_points"][group].strip().split(" = ")
        assert name == plugin.SoupEndpoint.name
        assert EntryPoint(name, value, group).load() is expected


def test_the_manual_names_what_is_read() -> None:
    page = (ROOT / "docs" / "howto" / "vllm.md").read_text()
    rows = [[cell.strip(" `") for cell in line.split("|")] for line in page.splitlines() if line.startswith("| `RSOUP")]
    assert {row[1]: row[3] for row in rows} == {
        plugin.SOUPS: "",
        plugin.STEPS: str(LATTICE),
        plugin.KEEP: str(plugin.KEPT),
        "RSOUP_CACHE": "~/.cache/rsoup_lightning",
    }
    assert set(re.findall(r"RSOUP_\w+", page)) == {row[1] for row in rows}


def test_without_soups_nothing_is_registered(resolvers: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RSOUP_SOUPS")
    plugin.register_soups()
    assert resolvers == {}


def test_a_name_becomes_a_request(resolvers: dict[str, Any]) -> None:
    plugin.register_soups()
    request = _resolved(resolvers, "mine@0.3,0.7")
    assert request.lora_name == "mine@0.3,0.7" and (Path(request.lora_path) / "adapter_config.json").is_file()
    assert _resolved(resolvers, "another") is None


def test_an_adapter_stays_as_long_as_its_request(resolvers: dict[str, Any]) -> None:
    plugin.register_soups()
    first = _resolved(resolvers, "mine@0.3,0.7")
    second = _resolved(resolvers, "mine@0.5,0.5")
    path = Path(first.lora_path)
    assert path.is_dir()  # though only one is to be kept
    del first
    third = _resolved(resolvers, "mine@0.7,0.3")
    assert not path.exists() and all(Path(request.lora_path).is_dir() for request in (second, third))


def test_a_bad_name_is_the_clients_fault(resolvers: dict[str, Any]) -> None:
    plugin.register_soups()
    with pytest.raises(ValueError, match="sum to 1"):
        _resolved(resolvers, "mine@0.3,0.3")


def test_vllm_that_may_load_nothing_is_refused(resolvers: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vllm.envs.VLLM_ALLOW_RUNTIME_LORA_UPDATING", False)
    with pytest.raises(ConfigError, match="set VLLM_ALLOW_RUNTIME_LORA_UPDATING=1"):
        plugin.register_soups()


def test_settings_that_are_wrong_are_refused(resolvers: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RSOUP_KEEP", "-1")
    with pytest.raises(ConfigError, match="RSOUP_KEEP is '-1': give a whole number"):
        plugin.register_soups()
    monkeypatch.setenv("RSOUP_KEEP", "1")
    monkeypatch.setenv("RSOUP_SOUPS", "{mine: {kind: nowhere}}")
    with pytest.raises(MergeError, match="nowhere is no adapter"):
        plugin.register_soups()


@pytest.mark.parametrize(
    ("lora", "said"), [(SimpleNamespace(max_lora_rank=3), "max_lora_rank is 3"), (None, "without --enable-lora")]
)
def test_a_start_with_too_few_ranks_is_refused(resolvers: dict[str, Any], lora: Any, said: str) -> None:
    engine = SimpleNamespace(vllm_config=SimpleNamespace(lora_config=lora))
    with pytest.raises(ConfigError, match=rf"'mine' has adapters of rank 4 \(2 \+ 2\).*{said}"):
        asyncio.run(plugin.SoupEndpoint().init_state(engine, None, None))


def test_a_start_with_enough_ranks(resolvers: dict[str, Any]) -> None:
    engine = SimpleNamespace(vllm_config=SimpleNamespace(lora_config=SimpleNamespace(max_lora_rank=4)))
    for client in (engine, None):  # a server that renders prompts only has no engine
        asyncio.run(plugin.SoupEndpoint().init_state(client, None, None))


def test_a_gateway_is_told_of_the_soups(resolvers: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    routes: dict[str, Any] = {}
    plugin.SoupEndpoint().attach_router(SimpleNamespace(add_api_route=routes.__setitem__))
    told = asyncio.run(routes["/v1/rsoup"]())
    assert told == {"soups": {"mine": ["kind", "brief"]}, "lattice": 20, "keep": 1}
    monkeypatch.delenv("RSOUP_SOUPS")
    plugin.configured.cache_clear()
    assert asyncio.run(routes["/v1/rsoup"]()) == {"soups": {}}
