"""Parts of adapters that must not be averaged as weights are.

The product of averaged factors is not the average of the products: so with LoRA's A and B, the Hadamard and Kronecker
factors of LyCORIS (LoHa, LoKr), the rotations of OFT, the vectors of VeRA. Others are updates whose positions or random
projections stand in a configuration that a file of weights lacks. All are known by their names, as PEFT, kohya's
scripts, LyCORIS, diffusers and torchtune write them. What is linear passes: the scales of IA3, whole differences.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from rsoup_lightning.errors import MergeError
from rsoup_lightning.merging.check import HasLayout

# RWKV-7 calls two layers of its own lora.0 and lora.2, with a function between them: those are not factors.
_LORA = r"[a-z]*lora\d*[a-e]?(?:[._](?!(?:lora\.)?[02]\.)|$)"
_OTHERS = (
    r"(?:hada|lokr|b?oft|psoft|hra|hira|p?vera|fourierft|waveft|shira|supertuning|trainable_tokens|adamss|peanut|lycoris)_",
    r"(?:road_(?:theta|alpha)|miss_block|lily_[ab]|deft_[pr]|frod_lambda|osf_svd|dora_scale)",
)
FACTOR = re.compile(rf"(?:^|[._])(?:{'|'.join((_LORA, *_OTHERS))})", re.IGNORECASE)
PAIRS = (("A", "B"), ("a1", "a2"), ("b1", "b2"))  # names that mean a factor only where the shapes do: LoRA, GLoRA


def check_no_factors(tensors: Mapping[str, HasLayout], label: str) -> None:
    """Require that no tensor is a factor of an update, or a part of one that is not linear in it.

    Args:
        tensors: of one expert.
        label: what to call it in errors.

    Raises:
        MergeError: names the first factor, and the cure.
    """
    for name in tensors:
        if FACTOR.search(name) or _paired(name, tensors):
            raise MergeError(
                f"{name!r} in {label} is a part of an adapter, and averaging such parts does not average the updates: "
                "give LoRA as the folders that PEFT wrote, with their adapter_config.json; fold other adapters into "
                "their base and merge whole models"
            )


def _paired(name: str, tensors: Mapping[str, HasLayout]) -> bool:
    """Whether ``name`` is the first of a pair of matrices that multiply to one of lower rank than its sides."""
    for first, second in PAIRS:
        found = re.fullmatch(rf"(.*\.){first}(\.weight)?", name)
        twin = tensors.get(f"{found[1]}{second}{found[2] or ''}") if found else None
        if twin is not None and len(twin.shape) == len(tensors[name].shape) == 2:
            (rows, columns), (twin_rows, twin_columns) = tensors[name].shape, twin.shape
            if rows == twin_columns < min(columns, twin_rows) or columns == twin_rows < min(rows, twin_columns):
                return True
    return False
