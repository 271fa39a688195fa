"""Frozen weights in parts, of which each process holds one (FSDP2); trained ones are whole everywhere."""

from __future__ import annotations

from torch import distributed, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor


def shard(model: nn.Module, device: str) -> None:
    """Cut the frozen weights of a model's layers in parts.

    A layer's are put together while it computes, in all processes at once: each must call the model as often.

    Args:
        model: its layers are its largest list of modules.
        device: kind of the processes' devices.
    """
    mesh = init_device_mesh(device, (distributed.get_world_size(),))
    trained = {parameter for parameter in model.parameters() if parameter.requires_grad}
    lists = [module for module in model.modules() if isinstance(module, nn.ModuleList)]
    for layer in max(lists, key=lambda layers: sum(weight.numel() for weight in layers.parameters())):
        fully_shard(layer, mesh=mesh, reshard_after_forward=True, ignored_params=trained)


def in_parts(model: nn.Module) -> list[str]:
    """The names of a model's weights that are in parts."""
    return [name for name, parameter in model.named_parameters() if isinstance(parameter, DTensor)]
