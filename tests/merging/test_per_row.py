from __future__ import annotations

import sys
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rsoup_lightning.errors import CoefficientError, ConfigError, MergeError, UnknownNameError
from rsoup_lightning.merging.per_row import LoRAPerRow

POINTS = torch.tensor([[0.2, 0.5, 0.3], [1.0, 0.0, 0.0], [0.2, 0.5, 0.3], [0.0, 0.4, 0.6], [0.2, 0.5, 0.3]])
NAME, RANK, ALPHA = "tuned", 3, 9


def _language_model(**options: Any) -> Any:
    """A tiny Llama with a LoRA adapter, and a spare one of other layers that is active."""
    peft, transformers = pytest.importorskip("peft"), pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4
    )
    model = transformers.LlamaForCausalLM(config)
    spare = peft.LoraConfig(r=2, target_modules=["q_proj", "o_proj"], init_lora_weights=False)
    model = peft.get_peft_model(model, spare, adapter_name="spare")
    targets = ["q_proj", "v_proj", "down_proj"]
    lora = peft.LoraConfig(
        r=RANK, lora_alpha=ALPHA, target_modules=targets, lora_dropout=0.1, init_lora_weights=False, **options
    )
    model.add_adapter(NAME, lora)
    with torch.no_grad():
        for key, weight in model.named_parameters():
            weight.normal_(std=0.5 if "lora_" in key else 0.2)
    return model.eval()


def _experts(model: Any) -> list[dict[str, Tensor]]:
    """Three experts: random values of the adapter."""
    generator = torch.Generator().manual_seed(1)
    shapes = {key: tensor.shape for key, tensor in model.state_dict().items() if f".{NAME}." in key}
    return [{key: 0.5 * torch.randn(shape, generator=generator) for key, shape in shapes.items()} for _ in range(3)]


def _folded(point: Tensor) -> Any:
    """The base model alone, its weights W + s Σ λ_e B_e A_e."""
    model = _language_model()
    for name, layer in model.named_modules():
        if NAME in getattr(layer, "lora_A", ()):
            for expert, share in zip(_experts(model), point.tolist(), strict=True):
                update = expert[f"{name}.lora_B.{NAME}.weight"] @ expert[f"{name}.lora_A.{NAME}.weight"]
                layer.base_layer.weight.data += share * ALPHA / RANK * update
    return model.unload().eval()


def test_each_row_is_the_base_folded_at_its_coefficients() -> None:
    model, tokens = _language_model(), torch.randint(64, (2 * len(POINTS), 7))
    before = model(tokens).logits
    with LoRAPerRow(model, _experts(model), NAME).at(POINTS) as every:
        logits = every(tokens).logits
        with model.disable_adapter():
            base = model(tokens).logits
    assert torch.equal(model(tokens).logits, before)
    with model.disable_adapter():
        assert torch.equal(model(tokens).logits, base)
    for row, point in enumerate(POINTS.repeat_interleave(2, 0)):
        expected = _folded(point)(tokens[[row]]).logits
        torch.testing.assert_close(logits[[row]], expected, rtol=1e-5, atol=1e-5)


def test_rows_may_extrapolate_where_that_is_meant() -> None:
    model, tokens, beyond = _language_model(), torch.randint(64, (2, 7)), torch.tensor([[1.5, -0.5, 0.0], [0, 2, -1.0]])
    with LoRAPerRow(model, _experts(model), NAME).at(beyond, extrapolate=True) as every:
        logits = every(tokens).logits
    for row, point in enumerate(beyond):
        torch.testing.assert_close(logits[[row]], _folded(point)(tokens[[row]]).logits, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("beams", [1, 3])
def test_generation_under_one_coefficient_per_row(beams: int) -> None:
    model, prompt = _language_model(), torch.randint(64, (1, 5))
    settings = {"max_new_tokens": 8, "do_sample": False, "num_beams": beams, "eos_token_id": None, "pad_token_id": 0}
    with LoRAPerRow(model, _experts(model), NAME).at(POINTS) as every:
        outputs = every.generate(input_ids=prompt.expand(len(POINTS), -1), **settings)
    expected = [_folded(point).generate(prompt, attention_mask=prompt > -1, **settings)[0] for point in POINTS]
    assert torch.equal(outputs, torch.stack(expected))
    assert len(outputs.unique(dim=0)) == len(POINTS.unique(dim=0)), "the soups say the same: nothing is told apart"


def test_forward_is_restored_after_an_error() -> None:
    model, tokens = _language_model(), torch.randint(64, (5, 7))
    weights, before = {key: tensor.clone() for key, tensor in model.state_dict().items()}, model(tokens).logits
    trained = {key for key, weight in model.named_parameters() if weight.requires_grad}
    soups = LoRAPerRow(model, _experts(model), NAME)
    with pytest.raises(CoefficientError, match="5 rows of coefficients for 7 rows"), soups.at(POINTS):
        model(torch.randint(64, (7, 7)))
    with soups.at(POINTS), soups.at(POINTS[:1]):
        assert not torch.is_grad_enabled()
    assert not [name for name, module in model.named_modules() if "forward" in vars(module)]
    assert torch.is_grad_enabled() and torch.equal(model(tokens).logits, before)
    assert all(torch.equal(tensor, weights[key]) for key, tensor in model.state_dict().items())
    assert trained == {key for key, weight in model.named_parameters() if weight.requires_grad}


def test_an_inner_block_ends_at_the_outer_one() -> None:
    model, tokens = _language_model(), torch.randint(64, (5, 7))
    soups = LoRAPerRow(model, _experts(model), NAME)
    with soups.at(POINTS):
        outer = model(tokens).logits
        with soups.at(POINTS[3:4]):
            assert not torch.equal(model(tokens).logits, outer)
        assert torch.equal(model(tokens).logits, outer)


def test_what_no_row_can_be_played_at() -> None:
    model = _language_model()
    soups = LoRAPerRow(model, _experts(model), NAME)
    for wrong, reason in [
        (torch.tensor([[0.5, 0.4, 0.0]]), "sum to 1"),
        (torch.tensor([[1.5, -0.5, 0.0]]), "negative"),
        (torch.tensor([[0.5, 0.5]]), "2 coefficients for 3 experts"),
        (torch.tensor([0.2, 0.5, 0.3]), r"\[rows, experts\], got \[3\]"),
    ]:
        with pytest.raises(CoefficientError, match=reason), soups.at(wrong):
            pass
    model.train()
    with pytest.raises(ConfigError, match=r"eval\(\)"), soups.at(POINTS):
        pass


def test_experts_that_do_not_fit() -> None:
    model = _language_model()
    experts = _experts(model)
    with pytest.raises(MergeError, match="there is no expert"):
        LoRAPerRow(model, [], NAME)
    name, tensor = next(iter(experts[1].items()))
    with pytest.raises(MergeError, match=r"expert 1 lacks|expert 0 has"):
        LoRAPerRow(model, [experts[0], {key: value for key, value in experts[1].items() if key != name}], NAME)
    narrow = [{**expert, name: tensor[:, :1]} for expert in experts]
    with pytest.raises(MergeError, match=r"the model"):
        LoRAPerRow(model, narrow, NAME)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"use_dora": True}, f"adapter '{NAME}' is not plain LoRA but Dora"),
        ({"modules_to_save": ["lm_head"]}, "'base_model.model.lm_head' is a .*ModulesToSaveWrapper"),
    ],
)
def test_adapters_that_cannot_be_mixed_by_row(options: dict[str, Any], reason: str) -> None:
    model = _language_model(**options)
    with pytest.raises(MergeError, match=reason):
        LoRAPerRow(model, _experts(model), NAME)


def test_embedding_bias_and_folded_adapters_are_refused() -> None:
    peft = pytest.importorskip("peft")
    model = _language_model()
    model.merge_adapter(["spare"])
    with pytest.raises(MergeError, match=r"has \['spare'\] folded in: call unmerge_adapter\(\)"):
        LoRAPerRow(model, _experts(model), NAME)
    model = _language_model()
    model.add_adapter("tokens", peft.LoraConfig(r=2, target_modules=["embed_tokens"]))
    with pytest.raises(MergeError, match=r"embed_tokens' is a peft.tuners.lora.layer.Embedding"):
        LoRAPerRow(model, _experts(model), NAME)
    model = peft.get_peft_model(nn.Sequential(nn.Linear(4, 2)), peft.LoraConfig(target_modules=["0"], lora_bias=True))
    with pytest.raises(MergeError, match="adapter 'default' has a bias"):
        LoRAPerRow(model, [{}], "default")


def test_an_unknown_adapter() -> None:
    model = _language_model()
    with pytest.raises(UnknownNameError, match="unknown adapter 'tund': did you mean 'tuned'"):
        LoRAPerRow(model, _experts(model), "tund")


def test_without_peft(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "peft.tuners.lora", None)
    with pytest.raises(ConfigError, match=r"pip install 'rsoup_lightning\[lora\]'"):
        LoRAPerRow(nn.Linear(2, 2), [{}], NAME)


def test_experts_without_a_layer_of_the_adapter() -> None:
    model = _language_model()
    experts = [{key: each for key, each in expert.items() if "down_proj" not in key} for expert in _experts(model)]
    with pytest.raises(MergeError, match=r"the model has the tensor '.*down_proj.*' that expert 0 lacks"):
        LoRAPerRow(model, experts, NAME)
