"""The plug-in for vLLM: names such as ``review@0.3,0.7`` become adapters, found through vLLM's entry points.

What vLLM is told lies in environment variables, as its processes share them: ``RSOUP_SOUPS`` names the soups (see
:func:`soup_adapters.soups_of`), ``RSOUP_LATTICE`` how finely λ is told apart, ``RSOUP_KEEP`` how many adapters are kept
in the folder ``RSOUP_CACHE``. Without the first, nothing is registered.
"""

from __future__ import annotations

import asyncio
import os
import weakref
from functools import cache
from typing import Any

from rsoup_lightning.errors import CoefficientError, ConfigError, UnknownNameError
from rsoup_lightning.modalities.cache import cache_folder
from rsoup_lightning.serving.vllm.adapter_cache import AdapterCache, Held
from rsoup_lightning.serving.vllm.soup_adapters import LATTICE, AdapterSoup, SoupAdapters, soups_of

SOUPS, STEPS, KEEP = "RSOUP_SOUPS", "RSOUP_LATTICE", "RSOUP_KEEP"
SOUPS_PATH = "/v1/rsoup"
"""Where a gateway asks for what is configured here."""
KEPT = 64
"""Adapters in the cache, unless told otherwise."""


def register_soups() -> None:
    """Register the resolver; vLLM calls this in each of its processes.

    Raises:
        RSoupError: a setting is not right, or a soup is not there.
    """
    if (adapters := configured()) is None:
        return
    from vllm import envs
    from vllm.lora.resolver import LoRAResolverRegistry

    if not envs.VLLM_ALLOW_RUNTIME_LORA_UPDATING:
        raise ConfigError(f"{SOUPS} is set and vLLM may load no adapters: set VLLM_ALLOW_RUNTIME_LORA_UPDATING=1, too")
    LoRAResolverRegistry.register_resolver("rsoup", resolver(adapters))


def resolver(adapters: SoupAdapters) -> Any:
    """What vLLM asks for the adapter of a name that it does not know."""
    from vllm.lora.request import LoRARequest
    from vllm.lora.resolver import LoRAResolver

    class HeldRequest(LoRARequest, array_like=True, omit_defaults=True, weakref=True):  # type: ignore[call-arg, misc]
        """Lives for as long as vLLM may load the adapter, be it again; its folder is held for that time."""

    class SoupResolver(LoRAResolver):  # type: ignore[misc]
        async def resolve_lora(self, base_model_name: str, lora_name: str) -> Any:
            try:
                held = await asyncio.to_thread(adapters.held, lora_name)
            except (CoefficientError, UnknownNameError) as error:
                raise ValueError(str(error)) from error  # which vLLM answers with 400
            if held is None:
                return None
            request = HeldRequest(lora_name=lora_name, lora_int_id=1, lora_path=str(held.path))  # numbered by vLLM
            weakref.finalize(request, _let_go, held)
            return request

    return SoupResolver()


def _let_go(held: Held) -> None:
    """Called when a request is gone, until when there is a reference to ``held`` for this call."""


@cache
def configured() -> SoupAdapters | None:
    """As the environment says, once for all entry points of a process; None where it names no soups.

    Raises:
        RSoupError: a setting is not right, or a soup is not there.
    """
    if not os.environ.get(SOUPS):
        return None
    kept = AdapterCache(cache_folder() / "adapters", _number(KEEP, KEPT))
    return SoupAdapters(soups_of(os.environ[SOUPS]), kept, _number(STEPS, LATTICE))


def _number(variable: str, default: int) -> int:
    text = os.environ.get(variable) or str(default)
    if not text.isdecimal():
        raise ConfigError(f"{variable} is {text!r}: give a whole number")
    return int(text)


class SoupEndpoint:
    """Tells a gateway of the soups, and stops vLLM at its start where their adapters are too large for it.

    vLLM shows its settings to endpoint plug-ins only, and loads them only where ``VLLM_PLUGINS`` names them.
    """

    name = "rsoup"
    required_tasks = None

    def attach_router(self, app: Any) -> None:
        """Adds ``/v1/rsoup``."""
        app.add_api_route(SOUPS_PATH, self.soups)

    async def soups(self) -> dict[str, Any]:
        """Which soups there are, how finely their λ are told apart, and how many adapters are kept."""
        adapters = configured()
        if adapters is None:
            return {"soups": {}}
        soups = {name: list(soup.experts) for name, soup in adapters.soups.items()}
        return {"soups": soups, "lattice": adapters.steps, "keep": adapters.cache.keep}

    async def init_state(self, engine_client: Any, state: Any, args: Any) -> None:
        """Check the engine, where this server has one.

        Raises:
            ConfigError: vLLM takes no adapters, or none as large.
        """
        if engine_client is not None and (adapters := configured()):
            lora = engine_client.vllm_config.lora_config
            for soup in adapters.soups.values():
                check_rank(soup, lora.max_lora_rank if lora else 0)


def check_rank(soup: AdapterSoup, largest: int) -> None:
    """Require that the ranks of a soup's experts add up to no more than ``largest``.

    Raises:
        ConfigError: they do; names both.
    """
    each = soup.ranks().values()
    needed = sum(each)
    if needed > largest:
        ranks = " + ".join(map(str, each))
        has = f"its max_lora_rank is {largest}" if largest else "it was started without --enable-lora"
        raise ConfigError(
            f"the soup {soup.name!r} has adapters of rank {needed} ({ranks}), too large for this vLLM: {has}; "
            f"start it with --enable-lora --max-lora-rank {needed}, or the next larger rank that it offers"
        )
