"""The adapters that models' names stand for: the exact merge of a soup's experts at λ, written once.

It needs torch, safetensors and what merging needs beside them, so that it runs within other servers' processes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from rsoup_lightning.errors import ConfigError, MergeError
from rsoup_lightning.files import sha256, user_path
from rsoup_lightning.merging.adapters.adapter import check_adapters, read_adapter
from rsoup_lightning.merging.adapters.peft_config import CONFIG_NAME
from rsoup_lightning.merging.on_disk import merge
from rsoup_lightning.run.finished.experts import trained_experts
from rsoup_lightning.serving.model_names import AT, coefficients_in, model_name
from rsoup_lightning.serving.vllm.adapter_cache import AdapterCache, Held
from rsoup_lightning.serving.vllm.lattice import on_lattice
from rsoup_lightning.simplex import Coefficients

LATTICE = 20
"""Steps along an edge of the simplex, unless told otherwise: λ in twentieths."""


class AdapterSoup:
    """LoRA experts of one base model.

    Args:
        name: of the soup.
        experts: their folders by name, in the order of λ.

    Raises:
        ConfigError: a name that cannot be part of a model's, or no expert.
        MergeError: experts that are no adapters.
    """

    def __init__(self, name: str, experts: Mapping[str, Path]) -> None:
        if not name or AT in name or "/" in name or name.startswith("."):
            raise ConfigError(f"a soup cannot be called {name!r}: choose a name without {AT}, / or a leading dot")
        if not experts:
            raise ConfigError(f"the soup {name!r} has no experts")
        for place in experts.values():
            if not (place / CONFIG_NAME).is_file():
                raise MergeError(f"{place} is no adapter of PEFT: a soup is one adapter only where its experts are")
        self.name, self.experts = name, dict(experts)

    def ranks(self) -> dict[str, int]:
        """The largest rank of each expert; their sum holds the soup at every λ.

        Raises:
            RSoupError: an expert is damaged, or they do not fit each other.
        """
        adapters = {name: read_adapter(place) for name, place in self.experts.items()}
        check_adapters(list(adapters.values()), list(adapters))
        return {name: max(item.rank for item in adapter.modules.values()) for name, adapter in adapters.items()}

    @cached_property
    def fingerprint(self) -> str:
        """Of the experts' files: other experts make other adapters."""
        files = [file for place in self.experts.values() for file in sorted(place.glob("adapter_*"))]
        return hashlib.sha256("".join(map(sha256, files)).encode()).hexdigest()[:12]

    def write(self, output: Path, coefficients: Coefficients) -> None:
        """The exact merge at λ, whole or not at all."""
        merge(list(self.experts.values()), output, coefficients)


class SoupAdapters:
    """Finds or writes the adapter of a model's name.

    Args:
        soups: which there are.
        cache: where their adapters lie.
        steps: of the lattice that λ is rounded to, along an edge of the simplex.

    Raises:
        ConfigError: a lattice without steps, or with more than names can tell apart.
    """

    def __init__(self, soups: Mapping[str, AdapterSoup], cache: AdapterCache, steps: int = LATTICE) -> None:
        if not 1 <= steps <= 1000:
            raise ConfigError(f"a lattice of {steps} steps: it needs 1 to 1000")
        self.soups, self.cache, self.steps = soups, cache, steps

    def held(self, model: str) -> Held | None:
        """The adapter of ``model`` such as ``review@0.3,0.7``, held; None for the name of something else.

        Raises:
            RSoupError: λ is not right, or the experts do not fit each other.
        """
        name, at, written = model.partition(AT)
        if not at or name not in self.soups:
            return None
        soup = self.soups[name]
        point = on_lattice(coefficients_in(written, list(soup.experts)), self.steps)
        return self.cache.held(f"{model_name(name, point)}-{soup.fingerprint}", lambda place: soup.write(place, point))


def soups_of(text: str) -> dict[str, AdapterSoup]:
    """The soups of a setting such as ``{review: runs/review-smollm2, mine: {kind: LORA1}}``, in YAML or JSON.

    A soup is the folder of a finished run, or adapters of PEFT by what to call them.

    Raises:
        ConfigError: it is something else.
        RunFolderError: a run that is not finished.
        MergeError: experts that are no adapters.
    """
    try:
        given = yaml.safe_load(text)
    except yaml.YAMLError:
        given = None
    if not isinstance(given, dict) or not given:
        raise ConfigError(f"the soups are {text!r}: name them as in '{{review: runs/review-smollm2}}'")
    return {str(name): AdapterSoup(str(name), _experts(name, source)) for name, source in given.items()}


def _experts(name: Any, source: Any) -> dict[str, Path]:
    if isinstance(source, str):
        return trained_experts(user_path(source))
    if isinstance(source, dict) and all(isinstance(place, str) for place in source.values()):
        return {str(expert): user_path(place) for expert, place in source.items()}
    raise ConfigError(f"the soup {name!r} is {source!r}: give a run's folder, or a mapping of experts to theirs")
