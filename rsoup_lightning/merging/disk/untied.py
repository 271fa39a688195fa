"""A stored model of which some names are one tensor, as it is saved when each has a tensor of its own.

LoRA on the input embeddings leaves output embeddings that are tied to them as they were, and the other way round: while
PEFT plays such an adapter the two differ, so that the folded model must store both.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from math import prod
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rsoup_lightning.errors import MergeError, OutputError
from rsoup_lightning.files import write_json
from rsoup_lightning.merging.disk.io import save_tensors
from rsoup_lightning.merging.disk.skeleton import CONFIG, skeleton
from rsoup_lightning.merging.disk.stored_expert import StoredExpert, may_be_tied
from rsoup_lightning.merging.disk.tensor_file import TensorFile
from rsoup_lightning.merging.shard_index import INDEX_SUFFIX

TIES = "tie_word_embeddings"
SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"
SHARD, COPIES = "model-others.safetensors", "model-untied.safetensors"  # names that no other shard has


@contextmanager
def untied(base: StoredExpert, changed: Collection[str]) -> Iterator[StoredExpert]:
    """``base``, with a tensor of its own for each name that is tied to one of ``changed``; itself where none is.

    What is new lies in temporary files inside the block.

    Args:
        base: a model's folder.
        changed: names of tensors that will be changed one by one.

    Raises:
        MergeError: its class ties them whatever its configuration says, or cannot be built and may tie them.
        OutputError: there is no room for the temporary files.
    """
    before = _tied(base, changed)
    touched = [group for group in before if not group.isdisjoint(changed)]
    if not touched:
        yield base
        return
    with TemporaryDirectory() as name:
        folder = Path(name)
        described = json.loads(base.other(CONFIG))
        write_json(folder / CONFIG, {**_without_ties(described), TIES: False})
        after = skeleton(folder).tied
        for group in touched:
            if any(len(group & other) > 1 for other in after):
                raise MergeError(
                    f"{' and '.join(sorted(group))} are one tensor in {described['architectures'][0]}, whatever its "
                    "settings, and the adapters change it under one of its names only: keep the soup as an adapter"
                )
        stored = set(base.tensors)
        held = stored.union(*(group for group in after if not group.isdisjoint(stored)))
        sources = {name: min(group & stored) for group in before for name in group - held if group & stored}
        with ExitStack() as stack:
            expert = stack.enter_context(_with_copies(base, sources, folder)) if sources else base
            yield replace(expert, others={**expert.others, CONFIG: folder / CONFIG})


def _tied(base: StoredExpert, changed: Collection[str]) -> tuple[frozenset[str], ...]:
    """Groups of names that are one tensor; not asked for where all that changes is stored in numbered layers."""
    suspects = sorted(name for name in changed if name not in base.tensors or not re.search(r"\.\d+\.", name))
    if not suspects:
        return ()
    try:
        return skeleton(base.path).tied
    except MergeError as error:
        named = [name for name in suspects if may_be_tied(name)]
        if not named:
            return ()
        raise MergeError(
            f"{named[0]!r} may be tied to another tensor, and only the base's class tells: {error}"
        ) from None


def _without_ties(value: Any) -> Any:
    """A configuration, and those in it, with nothing tied."""
    if not isinstance(value, dict):
        return value
    return {key: False if key == TIES else _without_ties(item) for key, item in value.items()}


@contextmanager
def _with_copies(base: StoredExpert, sources: Mapping[str, str], folder: Path) -> Iterator[StoredExpert]:
    """``base`` with the tensors that ``sources`` names copied to other names, in a shard of their own in ``folder``."""
    copies = {name: base.tensors[source].read().view(base.tensors[source].shape) for name, source in sources.items()}
    try:
        save_tensors(folder / COPIES, copies, {"format": "pt"})
    except OSError as error:
        raise OutputError(f"no room for copies of {', '.join(copies)} in {folder}: set TMPDIR ({error})") from None
    shard = TensorFile(folder / COPIES)
    try:
        files = {SHARD if relative == SINGLE else relative: file for relative, file in base.files.items()}
        files[COPIES] = shard
        tensors = {**base.tensors, **shard.tensors}
        where = {name: relative for relative, file in files.items() for name in file.tensors}
        if len(where) != len(tensors):
            raise MergeError(f"{base.path} ties weights and is not stored in safetensors: save it with save_pretrained")
        total = sum(prod(tensor.shape) * tensor.dtype.itemsize for tensor in tensors.values())
        index = next((relative for relative in base.others if relative.endswith(INDEX_SUFFIX)), INDEX)
        write_json(folder / INDEX, {"metadata": {"total_size": total}, "weight_map": where})
        yield replace(base, tensors=tensors, files=files, others={**base.others, index: folder / INDEX})
    finally:
        shard.close()
