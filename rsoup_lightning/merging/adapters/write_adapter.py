"""Writing a soup of LoRA adapters: as one adapter, or folded into the base model they were trained on."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from rsoup_lightning.errors import MergeError
from rsoup_lightning.files import atomic_output, write_json
from rsoup_lightning.merging.adapters.adapter import Adapter, adapter_soup, check_adapters
from rsoup_lightning.merging.adapters.fold import (
    changed,
    counted,
    folded,
    square_fan_in_first,
    unmatched,
    with_model_names,
)
from rsoup_lightning.merging.adapters.formats import write_in_form
from rsoup_lightning.merging.adapters.lora_file import write_lora_file
from rsoup_lightning.merging.check import is_counter
from rsoup_lightning.merging.disk.stored_expert import StoredExpert, beside_adapter
from rsoup_lightning.merging.disk.untied import untied
from rsoup_lightning.merging.engine import MergePlan
from rsoup_lightning.merging.lora import FOLDABLE, LayerReport, Mode
from rsoup_lightning.merging.methods import Ingredients, MergeMethod
from rsoup_lightning.merging.write import PROVENANCE, check_apart, write_merged
from rsoup_lightning.simplex import Coefficients


def write_adapter_soup(
    output: Path,
    adapters: Mapping[Path, Adapter],
    coefficients: Coefficients,
    mode: Mode,
    rank: int | None,
    *,
    provenance: Mapping[str, Any],
    extrapolate: bool,
    overwrite: bool,
) -> list[LayerReport]:
    """Merge adapters into one adapter's folder, whole or not at all; see :func:`adapter.adapter_soup`.

    What lies beside the first expert's weights, as its tokenizer, is carried along. Of adapters in files, an output
    whose name ends in .safetensors is a file, too.

    Args:
        output: what to write.
        adapters: the experts by where they lie.
        coefficients: λ.
        mode: exact or factor.
        rank: the most ranks a module may keep; None keeps all.
        provenance: of ``merge.json``, to which the layers' gaps and errors are added.
        extrapolate: allow any λ.
        overwrite: replace an existing output.

    Returns:
        What merging did to each adapted module.
    """
    check_apart(output, list(adapters))
    names = [str(path) for path in adapters]
    merged, layers = adapter_soup(list(adapters.values()), coefficients, mode, rank, names, extrapolate=extrapolate)
    with atomic_output(output, overwrite=overwrite) as temporary:
        if output.suffix == ".safetensors" and merged.style != "PEFT":
            write_lora_file(temporary, merged)
            return layers
        temporary.mkdir()
        first = next(iter(adapters))
        for relative, source in (beside_adapter(first) if first.is_dir() else {}).items():
            (temporary / relative).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, temporary / relative)
        write_in_form(temporary, merged)
        write_json(temporary / PROVENANCE, {**provenance, "layers": [vars(layer) for layer in layers]})
    return layers


def write_folded(
    output: Path,
    base: StoredExpert,
    adapters: Mapping[Path, Adapter],
    coefficients: Coefficients,
    *,
    provenance: Mapping[str, Any],
    extrapolate: bool,
    overwrite: bool,
    advance: Callable[[int], None],
) -> None:
    """Write the base model with the soup of the adapters folded in: W + Σ λ_i s_i B_i A_i, tensor by tensor.

    Tied tensors of which the adapters change one are written each on its own, see :func:`untied.untied`.

    Raises:
        MergeError: adapters that do not fit each other or the base.
    """
    check_apart(output, list(adapters))
    experts = list(adapters.values())
    labels = [str(path) for path in adapters]
    check_adapters(experts, labels)
    names = changed(experts)
    named = with_model_names(base, names)
    with untied(named, names) as whole:
        if missing := unmatched(whole.tensors, experts):
            raise MergeError(
                f"the base {base.path} lacks {missing[0]!r}, which the adapters change: is it another model?"
            )
        for name in names:
            kind = whole.tensors[name].dtype
            if kind not in FOLDABLE and not is_counter(name):
                raise MergeError(
                    f"{name!r} is {kind} in the base {base.path}: fold into the model before its quantisation"
                )
        turned = square_fan_in_first(whole, experts)

        def fold(given: Ingredients) -> Tensor:
            tensor = given.experts[0]
            return folded(
                given.name, tensor, experts, coefficients, labels, fan_in_first=turned, extrapolate=extrapolate
            )

        method = MergeMethod("fold", fold, elementwise=False, needs_init=False, keeps_experts=False)
        write_merged(
            output,
            MergePlan(method, (1.0,), names=[str(base.path)], counters=counted(experts, coefficients, labels)),
            [whole],
            None,
            provenance={**provenance, "untied": sorted(whole.tensors.keys() - named.tensors.keys())},
            overwrite=overwrite,
            advance=advance,
        )
