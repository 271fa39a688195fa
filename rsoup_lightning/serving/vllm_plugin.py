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

from rsoup_lightning.errors import ConfigError, RSoupError
from rsoup_lightning.modalities.cache import cache_folder
from rsoup_lightning.serving.adapter_cache import AdapterCache
from rsoup_lightning.serving.soup_adapters import LATTICE, SoupAdapters, soups_of

SOUPS, STEPS, KEEP = "RSOUP_SOUPS", "RSOUP_LATTICE", "RSOUP_KEEP"
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
            except RSoupError as error:
                raise ValueError(str(error)) from error  # which vLLM answers with 400
            if held is None:
                return None
            request = HeldRequest(lora_name=lora_name, lora_int_id=1, lora_path=str(held.path))  # numbered by vLLM
            weakref.finalize(request, held.release)
            return request

    return SoupResolver()


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
