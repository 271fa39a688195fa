"""Merging of LoRA adapters, against PEFT itself."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from rsoup_lightning.errors import CoefficientError, MergeError
from rsoup_lightning.merging.adapters.adapter import (
    Adapter,
    adapter_soup,
    check_adapters,
    read_adapter,
    write_adapter,
)
from rsoup_lightning.merging.adapters.fold import folded, unmatched
from rsoup_lightning.merging.lora import LoRAFactors
from tests.merging.adapters.experts import BASE, BASES, PLAIN, load, output_of, saved_expert

peft = pytest.importorskip("peft")

PATTERNS = {
    "r": 2,
    "lora_alpha": 16,
    "use_rslora": True,
    "target_modules": ["q_proj", "up_proj"],
    "rank_pattern": {"up_proj": 3, r"layers\.0\.self_attn\.q_proj": 5},
    "alpha_pattern": {"model.layers.1.self_attn.q_proj": 7},
}
ONE_LAYER = {"r": 3, "target_modules": ["o_proj", "v_proj"], "layers_to_transform": [1]}
EXPRESSION = {"r": 3, "target_modules": r".*\.0\.mlp\.down_proj"}
EMBEDDING = {"r": 2, "target_modules": ["embed_tokens", "q_proj"]}
FAN_IN = {"target_modules": ["conv", "wide"], "fan_in_fan_out": True}
IN_FULL = {"target_modules": ["q_proj"], "modules_to_save": ["lm_head"], "bias": "lora_only"}


def _soup_of_whole_models(folders: list[Path], point: list[float], base: nn.Module = BASE) -> nn.Module:
    """What exact merging must equal: each adapter folded in by PEFT, the whole models interpolated."""
    wholes = [load(folder, base).merge_and_unload().state_dict() for folder in folders]
    soup = deepcopy(base)
    soup.load_state_dict(
        {key: sum(weight * whole[key] for weight, whole in zip(point, wholes, strict=True)) for key in wholes[0]}
    )
    return soup


SOUPS = [
    ("llama", [PLAIN, PLAIN], [0.3, 0.7]),
    ("llama", [PATTERNS, PLAIN], [0.3, 0.7]),
    ("llama", [PLAIN, PATTERNS, ONE_LAYER, EXPRESSION], [0.1, 0.2, 0.3, 0.4]),
    ("llama", [EMBEDDING, PLAIN], [0.5, 0.5]),
    ("llama", [IN_FULL, {**IN_FULL, "r": 3}], [0.4, 0.6]),
    ("odd", [FAN_IN, {**FAN_IN, "r": 3}], [0.3, 0.7]),
]


@pytest.mark.parametrize(("kind", "settings", "point"), SOUPS)
def test_the_soup_equals_the_whole_models(
    tmp_path: Path, kind: str, settings: list[dict[str, Any]], point: list[float]
) -> None:
    base = BASES[kind]()
    folders = [saved_expert(tmp_path / str(seed), seed, base, **each) for seed, each in enumerate(settings)]
    experts = [read_adapter(folder) for folder in folders]
    whole = _soup_of_whole_models(folders, point, base)
    wanted = output_of(whole)
    assert (wanted - output_of(base)).abs().max() > 0.01  # else nothing is shown

    soup, reports = adapter_soup(experts, point)
    write_adapter(tmp_path / "soup", soup)
    loaded = load(tmp_path / "soup", base)
    torch.testing.assert_close(output_of(loaded), wanted, rtol=1e-5, atol=1e-5)
    saved = peft.get_peft_model_state_dict(loaded, save_embedding_layers=False)
    assert saved.keys() == load_file(tmp_path / "soup" / "adapter_model.safetensors").keys()
    assert [report.module for report in reports] == sorted({name for expert in experts for name in expert.modules})
    assert all(report.error == 0 for report in reports)

    tensors = base.state_dict()
    assert unmatched(tensors, experts) == []
    for name, tensor in whole.state_dict().items():
        torch.testing.assert_close(folded(name, tensors[name], experts, point), tensor, rtol=1e-5, atol=1e-5)


def test_exact_equals_peft_cat(tmp_path: Path) -> None:
    folders = [saved_expert(tmp_path / str(seed), seed, **{**PLAIN, "r": 4 + seed}) for seed in range(2)]
    model = peft.PeftModel.from_pretrained(deepcopy(BASE), folders[0], adapter_name="0")
    model.load_adapter(folders[1], "1")
    model.add_weighted_adapter(["0", "1"], [0.3, 0.7], "soup", combination_type="cat")
    model.set_adapter("soup")
    write_adapter(tmp_path / "soup", adapter_soup([read_adapter(folder) for folder in folders], [0.3, 0.7])[0])
    torch.testing.assert_close(output_of(load(tmp_path / "soup")), output_of(model), rtol=1e-5, atol=1e-5)


def test_what_is_not_adapted_stays_itself(tmp_path: Path) -> None:
    expert = read_adapter(saved_expert(tmp_path, 0, **PLAIN))
    tensor = torch.randn(32)
    assert folded("model.norm.weight", tensor, [expert], [1.0]) is tensor
    assert folded("model.layers.0.self_attn.q_proj.bias", tensor, [expert], [1.0]) is tensor
    names = ["model.layers.0.self_attn.q_proj.weight", "model.layers.0.self_attn.v_proj.weight", "other"]
    assert unmatched(names, [expert]) == [name.replace("0", "1") for name in names[:2]]


@pytest.mark.parametrize("mode", ["exact", "factor"])
def test_one_hot_is_the_expert_bit_for_bit(tmp_path: Path, mode: Any) -> None:
    folders = [saved_expert(tmp_path / str(seed), seed, **PATTERNS) for seed in range(2)]
    experts = [read_adapter(folder) for folder in folders]
    soup, reports = adapter_soup(experts, [0.0, 1.0], mode, rank=5)
    assert soup.config == experts[1].config
    assert all(report.gap == report.error == 0 for report in reports)
    write_adapter(tmp_path / "soup", soup)
    ours, theirs = (load_file(folder / "adapter_model.safetensors") for folder in (tmp_path / "soup", folders[1]))
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)
    assert json.loads((tmp_path / "soup/adapter_config.json").read_text()) == experts[1].config


def test_factor_mode_and_its_gap(tmp_path: Path) -> None:
    experts = [read_adapter(saved_expert(tmp_path / str(seed), seed, **PLAIN)) for seed in range(2)]
    soup, reports = adapter_soup(experts, [0.3, 0.7], "factor")
    exact, same_reports = adapter_soup(experts, [0.3, 0.7])
    assert (soup.config["r"], exact.config["r"]) == (4, 8)
    for report, same in zip(reports, same_reports, strict=True):
        one, two = (expert.modules[report.module] for expert in experts)
        mean, whole = soup.modules[report.module], exact.modules[report.module]
        torch.testing.assert_close(mean.A, 0.3 * one.A + 0.7 * two.A)
        torch.testing.assert_close(mean.B, 2 * (0.3 * one.B + 0.7 * two.B))  # alpha / r is 2
        missing = torch.linalg.matrix_norm(whole.B @ whole.A - mean.B @ mean.A)
        relative = float(missing / torch.linalg.matrix_norm(whole.B @ whole.A))
        assert report.gap == same.gap == pytest.approx(relative, rel=1e-4)


def test_rank_reduction(tmp_path: Path) -> None:
    experts = [read_adapter(saved_expert(tmp_path / str(seed), seed, **PLAIN)) for seed in range(2)]
    whole, _ = adapter_soup(experts, [0.3, 0.7])
    soup, reports = adapter_soup(experts, [0.3, 0.7], rank=5)
    assert soup.config["r"] == soup.config["lora_alpha"] == 5
    for report in reports:
        ours, full = soup.modules[report.module], whole.modules[report.module]
        missing = torch.linalg.matrix_norm(full.B @ full.A - ours.B @ ours.A) / torch.linalg.matrix_norm(
            full.B @ full.A
        )
        assert report.rank == ours.rank == 5
        assert report.error == pytest.approx(float(missing), rel=1e-3) != 0
    reduced, _ = adapter_soup(experts, [1.0, 0.0], rank=2)
    assert {item.rank for item in reduced.modules.values()} == {2}
    with pytest.raises(MergeError, match="rank 0"):
        adapter_soup(experts, [0.3, 0.7], rank=0)


def _small(scaling: float = 1.0, **changes: Any) -> Adapter:
    """An adapter without files: one linear module, one tensor trained in full."""
    config = {"base_model_name_or_path": "org/base", "target_modules": ["q"], "peft_type": "LORA"}
    factors = LoRAFactors(torch.ones(2, 4), torch.ones(3, 2), scaling)
    return replace(Adapter(config, {"a.q": factors}, {"head.weight": torch.ones(2)}), **changes)


def test_dtype_stays_and_other_tensors_are_averaged() -> None:
    factors = LoRAFactors(torch.ones(2, 4).bfloat16(), torch.ones(3, 2).bfloat16(), 1.0)
    experts = [
        _small(modules={"a.q": factors}, others={"head.weight": torch.full((2,), value)}) for value in (0.0, 4.0)
    ]
    soup, _ = adapter_soup(experts, [0.75, 0.25])
    assert {soup.modules["a.q"].A.dtype, soup.modules["a.q"].B.dtype} == {torch.bfloat16}
    assert soup.others["head.weight"].tolist() == [1.0, 1.0]
    assert folded("head.weight", torch.zeros(2), experts, [0.75, 0.25]).tolist() == [1.0, 1.0]


def test_off_the_simplex() -> None:
    with pytest.raises(CoefficientError):
        adapter_soup([_small(), _small()], [1.0, 1.0])
    soup, _ = adapter_soup([_small(), _small()], [3.0, -1.0], extrapolate=True)
    assert (soup.modules["a.q"].B @ soup.modules["a.q"].A).unique().item() == 4.0


@pytest.mark.parametrize("same", [{"base_model_name_or_path": "org/base/"}, {"revision": None}, {"revision": "main"}])
def test_the_same_base_under_another_name(same: dict[str, Any]) -> None:
    check_adapters([_small(), _small(config={**_small().config, **same})])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"config": {**_small().config, "base_model_name_or_path": "org/b"}}, "'org/base' in good but 'org/b' in bad"),
        ({"config": {**_small().config, "revision": "v2"}}, "revision is 'main' in good but 'v2' in bad"),
        (
            {"modules": {"a.q": LoRAFactors(torch.ones(2, 5), torch.ones(3, 2), 1.0)}},
            r"'a\.q' is .* in good but .* in bad",
        ),
        ({"others": {}}, r"bad lacks the tensor 'head\.weight'"),
        ({"others": {"head.weight": torch.ones(3)}}, r"'head\.weight' has shape"),
    ],
)
def test_adapters_that_do_not_fit(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(MergeError, match=message):
        adapter_soup([_small(), _small(**changes)], [0.5, 0.5], names=["good", "bad"])


def test_what_only_factor_mode_refuses() -> None:
    more = _small(modules={**_small().modules, "a.v": _small().modules["a.q"]})
    with pytest.raises(MergeError, match=r"good does not adapt 'a\.v'"):
        adapter_soup([_small(), more], [0.5, 0.5], "factor", names=["good", "more"])
    with pytest.raises(MergeError, match=r"'a\.q' cannot be averaged"):
        adapter_soup([_small(), _small(scaling=2.0)], [0.5, 0.5], "factor")
    _, reports = adapter_soup([_small(), more], [0.5, 0.5])
    assert [report.gap for report in reports] == [0.0, None]
    assert adapter_soup([_small(), _small(scaling=2.0)], [0.5, 0.5])[1][0].gap is None


def test_folding_into_another_base() -> None:
    for name, shape in (("a.q.weight", (3, 5)), ("head.weight", (3,))):
        with pytest.raises(MergeError, match=name.removesuffix(".weight")):
            folded(name, torch.zeros(shape), [_small()], [1.0])
