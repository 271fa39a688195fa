"""Models that are named by an adapter of PEFT, as fine-tuning leaves them: its base is found, and it is folded in."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.files import user_path
from rsoup_lightning.modalities.loading import load_pretrained
from rsoup_lightning.modalities.lora import ADAPTER, peft_model
from rsoup_lightning.optional import need

T = TypeVar("T")

CONFIG = "adapter_config.json"
PREFIX = "base_model.model."  # of the names in an adapter's file


@dataclass(frozen=True)
class Source:
    """Where the weights of a model come from.

    Attributes:
        base: hub name or folder of a whole model.
        revision: of the base on the hub; None for the newest.
        adapters: hub names or folders of what is folded into it, in this order.
    """

    base: str
    revision: str | None = None
    adapters: tuple[str, ...] = ()

    def load_base(self, loader: Callable[..., T], kind: str, **options: Any) -> T:
        """The base, before anything is folded into it; see :func:`load_pretrained`.

        Raises:
            ConfigError: it cannot be loaded; says which adapter names it.
        """
        if self.revision is not None:
            options["revision"] = self.revision
        with _named_by(self.adapters):
            return load_pretrained(loader, self.base, kind, **options)


def source(name: str, kind: str) -> Source:
    """What a hub name or folder stands for: a whole model, or an adapter of one, which may be an adapter itself.

    Args:
        name: as in :func:`load_pretrained`.
        kind: what it is, for errors.

    Raises:
        ConfigError: an adapter that names no base, that is its own base, or that lies in one folder with a whole model.
    """
    adapters: list[str] = []
    revision = None
    while True:
        with _named_by(adapters):
            file = stored(name, CONFIG, kind)
        if file is None:
            return Source(name, revision, tuple(adapters))
        if name in adapters:
            raise ConfigError(f"{file} names an adapter of {name} as base_model_name_or_path: write its base there")
        whole = [*file.parent.glob("model*.safetensors"), *file.parent.glob("pytorch_model*.bin")]
        if whole:
            raise ConfigError(
                f"{file.parent} holds an adapter beside {whole[0].name}: keep each in a folder of its own"
            )
        adapters.insert(0, name)
        name, revision = _base(file)


def stored(name: str, file: str, kind: str) -> Path | None:
    """The path of a file of a hub name or folder; None where it has no such file."""
    folder = user_path(name)
    if folder.is_dir():
        return folder / file if (folder / file).is_file() else None
    quiet = {f"_raise_exceptions_for_{what}": False for what in ("gated_repo", "missing_entries", "connection_errors")}
    find = need("transformers.utils", "transformers", "text").cached_file
    path = load_pretrained(find, name, kind, filename=file, **quiet)
    return None if path is None else Path(path)


def brought(adapter: str) -> dict[str, Tensor]:
    """All tensors of an adapter, by their names in the base; among them whole parameters of the base.

    Raises:
        ConfigError: it cannot be read.
    """
    tensors = load_pretrained(need("peft", "PEFT", "text").load_peft_weights, adapter, "adapter", device="cpu")
    return {name.removeprefix(PREFIX): tensor for name, tensor in tensors.items()}


def fold(model: Any, adapter: str) -> Any:
    """``model`` with an adapter of PEFT added to its weights: it then gives the logits of the two together.

    Args:
        model: the adapter's base, of transformers; it is changed.
        adapter: hub name or folder.

    Raises:
        ConfigError: the adapter does not fit the model, is damaged, or is of a kind that adds nothing to weights.
    """
    peft, base = need("peft", "PEFT", "text"), model.name_or_path
    head = model.get_output_embeddings()
    tied = head is not None and head.weight is model.get_input_embeddings().weight
    config = load_pretrained(peft.PeftConfig.from_pretrained, adapter, "adapter")
    if config.is_prompt_learning:
        raise ConfigError(
            f"the adapter {adapter} is of kind {config.peft_type.value}, which changes no weights of a base"
        )
    try:
        with torch.random.fork_rng(devices=[]):  # what is read next is drawn at random first
            _make_room(model, brought(adapter))
            config.base_model_name_or_path = base
            wrapped = peft_model(model, config)
        report = wrapped.load_adapter(adapter, ADAPTER, torch_device="cpu")
        strays = [*report.unexpected_keys, *report.missing_keys]
        if strays:
            raise ValueError(f"only one of them has {strays[0]}")
        _untie(wrapped)
        model = wrapped.merge_and_unload(safe_merge=True)
    except Exception as error:  # PEFT raises what the layer at hand raises
        reason = " ".join(str(error).split())[:200]
        raise ConfigError(
            f"the adapter {adapter} cannot be folded into its base {base}: {reason} ({type(error).__name__})"
        ) from error
    if tied:
        words, head = model.get_input_embeddings(), model.get_output_embeddings()
        model.config.tie_word_embeddings = torch.equal(words.weight, head.weight)
        if model.config.tie_word_embeddings:
            head.weight = words.weight
    return model


@contextmanager
def _named_by(adapters: Sequence[str]) -> Iterator[None]:
    """Errors on a base say which adapter names it."""
    try:
        yield
    except ConfigError as error:
        if not adapters:
            raise
        raise ConfigError(f"{error} (the adapter {adapters[0]} names it as its base: see its {CONFIG})") from None


def _base(file: Path) -> tuple[str, str | None]:
    """The base that an adapter's configuration names, and its revision."""
    try:
        config = dict(json.loads(file.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{file} is not a whole JSON object ({error}): save the adapter again") from None
    base, revision = config.get("base_model_name_or_path"), config.get("revision")
    if not isinstance(base, str) or not base or not isinstance(revision, str | None):
        raise ConfigError(f"{file} names no base: write its folder or hub name as base_model_name_or_path")
    return base, revision


def _make_room(model: Any, tensors: dict[str, Tensor]) -> None:
    """Give ``model`` as many embeddings as its adapter was trained with: tokens may have been added for that."""
    for name, module in list(model.named_modules()):
        rows = len(tensors.get(f"{name}.weight", ()))
        if isinstance(module, nn.Embedding) and rows not in (0, module.num_embeddings):
            model.resize_token_embeddings(rows, mean_resizing=False)


def _untie(model: nn.Module) -> None:
    """Give each layer parameters of its own: what is folded into one must not be added to another that shares them."""
    seen: set[int] = set()
    for module in model.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            if id(parameter) in seen:
                setattr(module, name, nn.Parameter(parameter.detach().clone(), requires_grad=False))
            seen.add(id(parameter))
