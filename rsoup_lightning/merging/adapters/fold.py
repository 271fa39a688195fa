"""LoRA updates added to the weights of their base model, W + Σ λ_i s_i B_i A_i, one tensor at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence, Set
from dataclasses import replace

from torch import Tensor

from rsoup_lightning.errors import MergeError
from rsoup_lightning.merging.adapters.adapter import Adapter
from rsoup_lightning.merging.check import is_counter
from rsoup_lightning.merging.disk.skeleton import model_names, skeleton
from rsoup_lightning.merging.disk.stored_expert import StoredExpert
from rsoup_lightning.merging.in_memory import linear_tensor
from rsoup_lightning.merging.lora import LoRAFactors, dense
from rsoup_lightning.simplex import check_coefficients


def folded(
    name: str,
    tensor: Tensor,
    adapters: Sequence[Adapter],
    coefficients: Sequence[float],
    names: Sequence[str] | None = None,
    *,
    fan_in_first: Collection[str] = (),
    extrapolate: bool = False,
) -> Tensor:
    """One tensor of the base model with the soup folded in, or ``tensor`` itself where no adapter touches it.

    Args:
        name: such as ``model.layers.0.self_attn.q_proj.weight``.
        tensor: its value in the base model, ``[out, in]`` or ``[in, out]``: the shape tells, where it is not square.
        adapters: E experts that :func:`check_adapters` has passed.
        coefficients: λ, one per expert, on the simplex.
        names: what to call the experts in errors.
        fan_in_first: modules of square weights that are stored as ``[in, out]``, see :func:`square_fan_in_first`.
        extrapolate: allow any λ.

    Raises:
        CoefficientError: λ off the simplex.
        MergeError: a quantised base, or one of another shape.
    """
    weights = check_coefficients(coefficients, len(adapters), extrapolate=extrapolate)
    for key in adapters[0].others:
        if base_name(key) == name:
            trained = linear_tensor([adapter.others[key] for adapter in adapters], weights, key, names)
            if trained.shape != tensor.shape:
                shapes = f"{tuple(tensor.shape)} in the base but {tuple(trained.shape)} in the adapters"
                raise MergeError(f"{name!r} is {shapes}: fold into the base they were trained on")
            tensor = trained.to(tensor.dtype)
    module = name.removesuffix(".weight")
    owners = [(a.modules[module], share) for a, share in zip(adapters, weights, strict=True) if module in a.modules]
    if not owners or module == name:
        return tensor
    items, shares = zip(*owners, strict=True)
    sides = _sides(items[0])
    turned = module in fan_in_first if sides[0] == sides[-1] else tuple(tensor.shape) == sides[::-1]
    return dense(tensor, items, shares, transpose=items[0].embedding or turned, module=module)


def counted(
    adapters: Sequence[Adapter], coefficients: Sequence[float], names: Sequence[str] | None = None
) -> dict[str, Tensor]:
    """The counters of batch normalisation that adapters hold, merged, by the base model's names."""
    return {
        base_name(key): linear_tensor([adapter.others[key] for adapter in adapters], coefficients, key, names)
        for key in filter(is_counter, adapters[0].others)
    }


def square_fan_in_first(base: StoredExpert, adapters: Sequence[Adapter]) -> set[str]:
    """The adapted modules whose weight is square, so that its shape does not tell, and stored as ``[in, out]``.

    PEFT's setting ``fan_in_fan_out`` is that of the last layer it adapted, and one model may have both kinds: GPT-2
    has ``Conv1D`` layers and a linear head. The base's class is asked where some layer is stored fan-in first.

    Raises:
        MergeError: its class cannot be built.
    """
    items = {module: item for adapter in adapters for module, item in adapter.modules.items()}
    square = {name for name, item in items.items() if not item.embedding and len(set(_sides(item))) == 1}
    declared = any(adapter.config.get("fan_in_fan_out") for adapter in adapters)
    if not square or not (declared or any(_shows_fan_in_first(name, base) for name in base.tensors)):
        return set()
    try:
        return square & skeleton(base.path).fan_in_first
    except MergeError as error:
        raise MergeError(
            f"{min(square)!r} is square, and other layers of the base are stored transposed: whether it is, only the "
            f"class of the base tells; {error}"
        ) from None


def _sides(item: LoRAFactors) -> tuple[int, ...]:
    """The shape of ΔW: ``(out, in)``, of a convolution ``(out, in, *kernel)``."""
    return (item.B.shape[0], *item.A.shape[1:])


def _shows_fan_in_first(name: str, base: StoredExpert) -> bool:
    """Whether this weight has a bias that fits its second dimension only."""
    shape, bias = base.tensors[name].shape, base.tensors.get(f"{name.removesuffix('weight')}bias")
    return bias is not None and len(shape) == 2 and shape[0] != shape[1] and tuple(bias.shape) == (shape[1],)


def with_model_names(base: StoredExpert, changed: Set[str]) -> StoredExpert:
    """``base`` with its tensors under their names in the model that was adapted, where it lacks any of ``changed``.

    What is written keeps the names of the file, which transformers takes too.
    """
    if changed <= base.tensors.keys():
        return base
    try:
        names = model_names(base.path, base.tensors)
    except MergeError:  # whoever looks for the names says what is missing
        return base
    return replace(base, tensors={names[name]: tensor for name, tensor in base.tensors.items()})


def unmatched(names: Iterable[str], adapters: Sequence[Adapter]) -> list[str]:
    """The tensors that the adapters change but the base model, whose tensors are ``names``, does not have."""
    return sorted(changed(adapters) - set(names))


def changed(adapters: Sequence[Adapter]) -> set[str]:
    """The base model's names of all tensors that some adapter changes."""
    updated = {f"{module}.weight" for adapter in adapters for module in adapter.modules}
    return updated | {base_name(key) for adapter in adapters for key in adapter.others}


def base_name(key: str) -> str:
    """The base model's name of what PEFT saved in full: it wraps a module as its ``base_layer``."""
    return key.replace(".base_layer.", ".")
