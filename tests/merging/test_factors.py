"""Whatever PEFT can write is either merged as its updates are averaged, or refused."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from rsoup_lightning.errors import MergeError
from rsoup_lightning.merging import linear
from rsoup_lightning.merging.on_disk import merge

peft = pytest.importorskip("peft")

# PEFT's methods that change weights, and the settings that fit a layer of 16 x 16.
METHODS = [
    "ADALORA",
    "ADAMSS",
    "BEFT",
    "C3A",
    "DEFT",
    "DELORA",
    "FOURIERFT",
    "GLORA",
    "GRALORA",
    "HIRA",
    "HRA",
    "IA3",
    "LILY",
    "LN_TUNING",
    "LOHA",
    "LOKR",
    "LORA",
    "MISS",
    "OFT",
    "OSF",
    "PEANUT",
    "POLY",
    "PSOFT",
    "PVERA",
    "RANDLORA",
    "ROAD",
    "SHIRA",
    "SUPERTUNING",
    "TINYLORA",
    "UNILORA",
    "VBLORA",
    "VERA",
    "WAVEFT",
]
SETTINGS: dict[str, dict[str, Any]] = {
    "ADALORA": {"total_step": 10},
    "C3A": {"block_size": 8},
    "FOURIERFT": {"n_frequency": 10},
    "IA3": {"feedforward_modules": []},
    "MISS": {"r": 4},
    "PSOFT": {"r": 4},
    "ROAD": {"group_size": 8},
    "SHIRA": {"r": 2},
    "VBLORA": {"vector_length": 8},
    "WAVEFT": {"n_frequency": 10},
}
EXACT = {"BEFT", "C3A", "IA3", "LN_TUNING"}


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.q = nn.Linear(16, 16)

    def forward(self, x: Tensor) -> Tensor:
        return self.q(x)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("method", [name for name in METHODS if name in peft.PeftType.__members__])
def test_every_method_of_peft(tmp_path: Path, method: str) -> None:
    config = peft.PEFT_TYPE_TO_CONFIG_MAPPING[peft.PeftType[method]](target_modules=["q"], **SETTINGS.get(method, {}))
    files, models = [], []
    for seed in range(2):
        model = peft.get_peft_model(Net(), deepcopy(config))
        torch.manual_seed(seed)
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.requires_grad:
                    parameter += 0.3 * torch.randn_like(parameter)
        model.save_pretrained(tmp_path / str(seed))
        files.append(str(tmp_path / str(seed) / "adapter_model.safetensors"))
        models.append(model)
    output = str(tmp_path / "soup.safetensors")
    if method not in EXACT:
        with pytest.raises(MergeError, match=r"is a part of an adapter.*adapter_config\.json"):
            merge(files, output, [0.3, 0.7])
        return
    merge(files, output, [0.3, 0.7])
    wanted = linear([model.merge_and_unload().state_dict() for model in models], [0.3, 0.7])
    soup = peft.get_peft_model(Net(), config)
    peft.set_peft_model_state_dict(soup, load_file(output))
    torch.testing.assert_close(dict(soup.merge_and_unload().state_dict()), wanted)


def _file(path: Path, shapes: dict[str, tuple[int, ...]]) -> str:
    save_file({name: torch.randn(shape) for name, shape in shapes.items()}, path)
    return str(path)


FOREIGN = {
    "kohya's scale": {"lora_unet_x.alpha": ()},
    "LoHa": {"lora_unet_q.hada_w1_a": (8, 2), "lora_unet_q.hada_w1_b": (2, 8)},
    "LoKr": {"unet.q.lokr_w1": (2, 2), "unet.q.lokr_w2_a": (4, 2)},
    "GLoRA": {f"unet.q.{name}.weight": (2, 8) if name[1] == "1" else (8, 2) for name in ("a1", "a2", "b1", "b2")},
    "OFT": {"lycoris_q.oft_blocks": (4, 2, 2)},
    "DoRA": {"unet.q.dora_scale": (8, 1)},
    "VideoX": {"blocks.0.attn.q.lora.A.weight": (2, 8), "blocks.0.attn.q.lora.B.weight": (8, 2)},
    "diffusers": {"mid.attn1.processor.to_q_lora.down.weight": (2, 8)},
    "half of XLabs": {"double_blocks.0.processor.proj_lora1.down.weight": (2, 8)},
    "torchtune": {"layers.0.attn.q_proj.lora_a.weight": (2, 8), "layers.0.attn.q_proj.lora_b.weight": (8, 2)},
    "loralib": {"transformer.h.0.attn.q.lora_A": (2, 8)},
    "bare letters": {"delta.q.A": (2, 8), "delta.q.B": (8, 2)},
    "no function between": {"q.lora.0.weight": (2, 8), "q.lora.1.weight": (8, 2)},
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_adapters_of_others_are_refused(tmp_path: Path, kind: str) -> None:
    files = [_file(tmp_path / f"{name}.safetensors", FOREIGN[kind]) for name in "ab"]
    with pytest.raises(MergeError, match="is a part of an adapter"):
        merge(files, str(tmp_path / "ab.safetensors"), [0.5, 0.5])
    assert not (tmp_path / "ab.safetensors").exists()
    with pytest.raises(MergeError, match="is a part of an adapter"):
        linear([load_file(file) for file in files], [0.5, 0.5])


WHOLE = {
    "RWKV-7": {"layers.0.attn.w_lora.lora.0.weight": (2, 8), "layers.0.attn.w_lora.lora.2.weight": (8, 2)},
    "DeepSeek": {"self_attn.q_a_proj.weight": (2, 8), "self_attn.q_b_proj.weight": (8, 2)},
    "a feed-forward layer": {"mlp.up.weight": (32, 8), "mlp.down.weight": (8, 32)},
    "S4": {"ssm.A": (8, 4), "ssm.B": (8, 4), "ssm.C": (8, 4)},
    "whole differences": {"unet.q.diff": (8, 8), "unet.q.diff_b": (8,)},
    "words": {"explorative.weight": (2, 2), "roads.weight": (2, 2), "mission.weight": (2, 2)},
}


@pytest.mark.parametrize("kind", WHOLE)
def test_layers_of_whole_models_pass(tmp_path: Path, kind: str) -> None:
    files = [_file(tmp_path / f"{name}.safetensors", WHOLE[kind]) for name in "ab"]
    merge(files, str(tmp_path / "ab.safetensors"), [0.5, 0.5])
    merged, a, b = (load_file(tmp_path / f"{name}.safetensors") for name in ("ab", "a", "b"))
    torch.testing.assert_close(merged, {name: (a[name] + b[name]) / 2 for name in a})
