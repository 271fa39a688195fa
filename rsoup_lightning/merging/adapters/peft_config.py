"""PEFT's adapter_config.json: which adapters are plain LoRA, a module's own settings, and the settings of a soup."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rsoup_lightning.errors import MergeError, WeightsError
from rsoup_lightning.files import read_object

CONFIG_NAME = "adapter_config.json"

# Settings under which an adapter is more, or other, than s B A on a whole weight of its own:
OTHER_UPDATE = ("kasa_config", "lora_bias", "monteclora_config", "use_bdlora", "use_dora", "use_qalora")
OTHER_TARGET = (
    "ensure_weight_tying",
    "layer_replication",
    "megatron_config",  # layers of which every process holds a part
    "target_parameters",
    "trainable_token_indices",
)
NOT_ALWAYS_ON = ("alora_invocation_tokens", "arrow_config")
BASE_CHANGING = ("pissa", "olora", "loftq", "corda", "lora_ga")  # initialisations that subtract from the base weight
KNOWN = {  # the values of settings that PEFT loads
    "bias": (None, "none", "all", "lora_only"),
    "init_lora_weights": (None, True, False, "true", "false", "gaussian", "eva", "orthogonal", "mica"),
    "task_type": (
        None, "SEQ_CLS", "SEQ_2_SEQ_LM", "CAUSAL_LM", "TOKEN_CLS", "QUESTION_ANS", "FEATURE_EXTRACTION",
    ),
}  # fmt: skip
SELECTORS = ("exclude_modules", "layers_to_transform", "layers_pattern")  # what narrows target_modules down


def read_config(file: Path) -> dict[str, Any]:
    """The settings in ``file``, of an adapter that is plain LoRA on an unchanged base.

    Raises:
        WeightsError: the file is missing or damaged.
        MergeError: another kind of adapter; names the setting and the cure.
    """
    if not file.is_file():
        raise WeightsError(f"no {file}: expected a folder that PEFT's save_pretrained wrote")
    try:
        config = read_object(file)
    except (OSError, ValueError) as error:
        raise WeightsError(f"{file} is not a whole JSON object ({error})") from None
    return check_config(config, file)


def check_config(config: dict[str, Any], file: Path) -> dict[str, Any]:
    """``config``, read from ``file``, if it is of an adapter that is plain LoRA on an unchanged base.

    Raises:
        WeightsError, MergeError: as of :func:`read_config`.
    """
    if config.get("peft_type") != "LORA":
        raise MergeError(f"{file} has peft_type {config.get('peft_type')!r}: only 'LORA' adapters can be merged")
    for key in ("r", "lora_alpha"):
        if not _is_number(config.get(key)):
            raise WeightsError(f"{file} lacks a number {key!r}: save the adapter again with PEFT's save_pretrained")
    for key in ("rank_pattern", "alpha_pattern"):
        if not _is_pattern({} if config.get(key) is None else config[key]):
            raise WeightsError(f"{file}: {key} is not a mapping of regular expressions to numbers")
    for key in ("target_modules", *SELECTORS):
        kind = int if key == "layers_to_transform" else str
        value = config.get(key)
        if (
            not all(type(item) is kind for item in (value if isinstance(value, list) else [value]))
            and value is not None
        ):
            raise WeightsError(f"{file}: {key} is neither a name nor a list")
    if config.get("layers_pattern") and not config.get("layers_to_transform"):
        raise WeightsError(f"{file} has layers_pattern without layers_to_transform: save the adapter again")
    if not _is_number(config.get("lora_dropout", 0)) or not 0 <= config.get("lora_dropout", 0) <= 1:
        raise WeightsError(f"{file}: lora_dropout is not a number from 0 to 1")
    for key, value in config.items():
        if key.endswith("_config") and not isinstance(value, dict | None):
            raise WeightsError(f"{file}: {key} is not a mapping of settings")
    for key in (*OTHER_UPDATE, *OTHER_TARGET, *NOT_ALWAYS_ON):
        if config.get(key) not in (None, False, []):  # PEFT writes an empty list for mixtures of experts
            raise MergeError(
                f"{file} sets {key!r}, so it is more than s B A added to a weight: fold it into the base with PEFT's "
                "merge_and_unload and merge whole models"
            )
    init = str(config.get("init_lora_weights")).lower()
    if init.startswith(BASE_CHANGING):
        raise MergeError(
            f"{file} has init_lora_weights {init!r}, which changed the base weights: convert the adapter with PEFT's "
            "save_pretrained(..., path_initial_model_for_weight_conversion=...), or fold it and merge whole models"
        )
    for key, values in KNOWN.items():
        if config.get(key) not in values:
            raise WeightsError(f"{file}: {key} is {config[key]!r:.60}, which is none of {', '.join(map(str, values))}")
    return config


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_pattern(value: Any) -> bool:
    try:
        return all(_is_number(number) and re.compile(key) for key, number in value.items())
    except (AttributeError, re.error, RecursionError, OverflowError):
        return False


def adapts(config: Mapping[str, Any], module: str) -> bool:
    """PEFT's rule of which modules it adapts: by a regular expression, or by a dotted end of their name and a layer."""
    targets, excluded = config.get("target_modules"), config.get("exclude_modules")
    if excluded and _is_named(excluded, module):
        return False
    if isinstance(targets, str):
        return targets == "all-linear" or _is_named(targets, module)
    return isinstance(targets, list) and (
        module in targets or (_is_named(targets, module) and _is_in_layers(config, module))
    )


def _is_named(names: str | list[str], module: str) -> bool:
    if isinstance(names, str):
        return _matches(names, module)
    return any(f".{module}".endswith(f".{name}") for name in names)


def _is_in_layers(config: Mapping[str, Any], module: str) -> bool:
    """Whether the number of the layer that a module is in is among those that are adapted."""
    layers, patterns = config.get("layers_to_transform"), config.get("layers_pattern")
    if layers is None or layers == []:
        return True
    named = [patterns] if isinstance(patterns, str) else patterns or []
    rules = [rf"(?:^|.*?\.){pattern}\.(?P<layer>\d+)\." for pattern in named] or [r".*?\.[^.]*\.(?P<layer>\d+)\."]
    try:
        found = next(filter(None, (re.match(rule, module) for rule in rules)), None)
    except (re.error, RecursionError, OverflowError):
        return False
    number = int(found["layer"]) if found else None
    return number in layers if isinstance(layers, list) else number == layers


def _matches(pattern: str, module: str) -> bool:
    try:
        return re.fullmatch(pattern, module) is not None
    except (re.error, RecursionError, OverflowError):
        return False


def setting(config: Mapping[str, Any], pattern: str, module: str, default: str) -> Any:
    """PEFT's rule: the first pattern to match the module's name, or a dotted end of it, as a regular expression."""
    patterns = config.get(pattern) or {}
    return next((value for key, value in patterns.items() if re.match(rf"(.*\.)?({key})$", module)), config[default])


def merged_config(configs: Sequence[Mapping[str, Any]], modules: list[str], rank: int) -> dict[str, Any]:
    """The first configuration, with the soup's rank, scaling 1, no patterns, and targets that cover all experts."""
    targets = [plain(config.get("target_modules")) for config in configs]
    alike = all(plain(config.get(key)) == plain(configs[0].get(key)) for config in configs for key in SELECTORS)
    changes: dict[str, Any] = {"r": rank, "lora_alpha": rank, "rank_pattern": {}, "alpha_pattern": {}}
    # What is left of an initialisation would run, and could fail at this rank, when PEFT loads the adapter.
    changes |= {"use_rslora": False, "init_lora_weights": True, "eva_config": None}
    if alike and all(target == targets[0] for target in targets):
        changes["target_modules"] = targets[0]
    elif alike and all(isinstance(target, list) for target in targets):
        changes["target_modules"] = sorted({name for target in targets for name in target})
    else:
        changes |= {"target_modules": modules, **dict.fromkeys(SELECTORS)}
    return {**configs[0], **changes}


def plain(value: Any) -> Any:
    """A setting without what is left to chance or habit: the order in which PEFT saves a set, a trailing slash."""
    if isinstance(value, list):
        return sorted(value, key=str)
    return value.rstrip("/") if isinstance(value, str) else value
