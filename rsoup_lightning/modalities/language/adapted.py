"""A language model with adapters of PEFT that somebody already has, as experts to be played."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.hub import local_folder
from rsoup_lightning.merging.adapters.adapter import read_adapter
from rsoup_lightning.merging.policy_weights import read_experts
from rsoup_lightning.modalities.data import Entry, PromptData, Split
from rsoup_lightning.modalities.language.base import load_base
from rsoup_lightning.modalities.language.environment import TextEnvironment
from rsoup_lightning.modalities.language.policy import LanguagePolicy
from rsoup_lightning.modalities.lora import LoRA
from rsoup_lightning.modalities.pretrained import Precision
from rsoup_lightning.policy import Weights


class NoPrompts(PromptData):
    """Of policies that are neither trained nor evaluated."""

    def entries(self, split: Split) -> Sequence[Entry]:
        return []


def adapted(
    base: str | Path,
    adapters: Mapping[str, str | Path],
    *,
    precision: Precision = "auto",
    template: str | None = None,
    chat_template_kwargs: dict[str, Any] | None = None,
    temperature: float = 1.0,
    max_new_tokens: int = 128,
    stop: Sequence[str] = (),
) -> tuple[LanguagePolicy, TextEnvironment, dict[str, Weights]]:
    """What plays the soups of LoRA adapters of one base, and these as weights of it.

    Args:
        base: a hub name or folder.
        adapters: what to call each expert, and its folder as PEFT writes it, here or on the hub; ranks and layers may
            differ.
        precision: of the base's weights; auto takes bfloat16 where the device computes in it.
        template: what the model reads, from {prompt}; None: the chat template where there is one.
        chat_template_kwargs: variables of that chat template, as {enable_thinking: false} of Qwen 3.
        temperature: of the softmax that tokens are sampled from.
        max_new_tokens: the most tokens of an answer, by default.
        stop: texts of one token each that end an answer, beside the model's end tokens.

    Raises:
        ConfigError: the base cannot be loaded, or there is no adapter.
        MergeError: adapters that do not fit the base or each other, or are not plain LoRA.
        WeightsError: an adapter is missing or damaged.
    """
    if not adapters:
        raise ConfigError("no adapters: give a name and a folder of PEFT for each expert")
    places = {name: local_folder(place) for name, place in adapters.items()}
    model, tokenizer = load_base(str(base), precision)
    settings: dict[str, Any] = {"template": template, "chat_template_kwargs": chat_template_kwargs}
    settings |= {"max_new_tokens": max_new_tokens, "stop": stop}
    environment = TextEnvironment.of(model, tokenizer, NoPrompts(), **settings)
    updates = [adapter.modules for adapter in map(read_adapter, places.values())]
    # One layout that all of them fit: what an adapter lacks of layers and ranks adds nothing.
    rank = max(factors.rank for modules in updates for factors in modules.values())
    lora = LoRA(rank, alpha=rank, targets=sorted({name for modules in updates for name in modules}))
    policy = LanguagePolicy(model, lora, temperature=temperature)
    return policy, environment, dict(read_experts(places, policy, policy.weights()))
