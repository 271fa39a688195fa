"""A model in parts computes what it computes whole, with the gradients of what is trained."""

from __future__ import annotations

import os
from typing import Any

import torch
from lightning.fabric.plugins.environments.lightning import find_free_network_port
from torch import distributed, multiprocessing

from rsoup_lightning.modalities.lora import LoRA, with_adapter
from rsoup_lightning.modalities.sharding import in_parts, shard
from tests.modalities.language.tiny import llama


def adapted() -> Any:
    """A model with an adapter that does something."""
    model = with_adapter(llama(), LoRA(rank=4)).eval()
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            weight.data.fill_(0.1)
    return model


def compare(rank: int, port: int) -> None:
    """In a process of its own, which reads texts of its own."""
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "RANK": str(rank), "WORLD_SIZE": "2"}
    distributed.init_process_group("gloo")
    whole, cut = adapted(), adapted()
    shard(cut, "cpu")
    frozen = [name for name, weight in whole.named_parameters() if not weight.requires_grad and ".layers." in name]
    assert in_parts(cut) == frozen
    tokens = torch.arange(6 + rank).unsqueeze(0)
    for model in (whole, cut):
        model(input_ids=tokens).logits.logsumexp(-1).sum().backward()
    given = {name: weight.grad for name, weight in whole.named_parameters() if weight.requires_grad}
    found = {name: weight.grad for name, weight in cut.named_parameters() if weight.requires_grad}
    torch.testing.assert_close(found, given)
    assert in_parts(cut) == frozen
    with torch.no_grad(), whole.disable_adapter(), cut.disable_adapter():
        torch.testing.assert_close(cut(input_ids=tokens).logits, whole(input_ids=tokens).logits)
    distributed.destroy_process_group()


def test_a_model_in_parts_computes_what_it_computes_whole() -> None:
    multiprocessing.start_processes(compare, (find_free_network_port(),), nprocs=2, start_method="fork")
