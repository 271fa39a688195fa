from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rsoup_lightning.errors import CoefficientError, ConfigError, MergeError, UnknownNameError
from rsoup_lightning.merging import linear
from rsoup_lightning.merging.per_row import together

POINTS = torch.tensor([[0.2, 0.5, 0.3], [1.0, 0.0, 0.0], [0.2, 0.5, 0.3], [0.0, 0.4, 0.6], [0.2, 0.5, 0.3]])


class Counted(nn.Module):
    """Every kind of tensor a state dict may hold: batch statistics, an integer, a weight tied to another."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.second = nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Linear(6, 4)
        self.again = nn.Linear(6, 4)
        self.again.weight = self.second.weight
        self.register_buffer("power", torch.tensor(3))
        self.register_buffer("constant", torch.arange(4.0), persistent=False)

    def forward(self, inputs: Tensor, *, shift: Tensor) -> dict[str, Tensor]:
        hidden = torch.tanh(self.norm(self.first(inputs)))
        return {"sum": self.second(hidden) + self.again(hidden) * self.constant + shift**self.power, "hidden": hidden}


def _random(seed: int, build: Callable[[], nn.Module] = Counted) -> nn.Module:
    """A model in which every floating tensor is random, variances positive."""
    torch.manual_seed(seed)
    model = build().eval()
    with torch.no_grad():
        for tensor in model.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(torch.rand_like(tensor) + 0.1)
    return model


@pytest.mark.parametrize("repeats", [1, 3])
def test_each_row_is_the_model_merged_at_its_coefficients(repeats: int) -> None:
    model, experts = _random(9), [_random(seed).state_dict() for seed in range(3)]
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    inputs, shift = torch.randn(2, len(POINTS) * repeats, 4)
    with together(model, experts).at(POINTS) as every:
        outputs = every(inputs, shift=shift)
    assert all(torch.equal(tensor, before[key]) for key, tensor in model.state_dict().items())
    for row, point in enumerate(POINTS.repeat_interleave(repeats, 0)):
        model.load_state_dict(linear(experts, point.tolist()))
        expected = model(inputs[[row]], shift=shift[[row]])
        for key, output in outputs.items():
            torch.testing.assert_close(output[[row]], expected[key], rtol=1e-5, atol=1e-5)


def test_experts_are_read_on_entry() -> None:
    model = _random(0, lambda: nn.Linear(4, 2))
    experts = [_random(seed, lambda: nn.Linear(4, 2)).state_dict() for seed in range(2)]
    soups, inputs = together(model, experts), torch.randn(1, 4)
    experts[1]["weight"].mul_(2)
    with soups.at(torch.tensor([[0.5, 0.5]])) as every:
        output = every(inputs)
    model.load_state_dict(linear(experts, [0.5, 0.5]))
    torch.testing.assert_close(output, model(inputs))


def test_whole_experts_that_do_not_fit() -> None:
    experts = [_random(seed).state_dict() for seed in range(2)]
    with pytest.raises(MergeError, match="there is no expert"):
        together(_random(0), [])
    with pytest.raises(MergeError, match=r"expert 0 lacks the tensor '(weight|bias)' that the model has"):
        together(nn.Linear(4, 2), experts)
    experts[1]["power"] = torch.tensor(2)
    with pytest.raises(MergeError, match="'power' is no floating tensor and differs"):
        together(_random(0), experts)


def test_what_no_row_can_be_played_at() -> None:
    model = nn.Linear(4, 2).eval()
    soups = together(model, [model.state_dict()] * 3)
    for wrong, reason in [
        (torch.tensor([[0.5, 0.4, 0.0]]), "sum to 1"),
        (torch.tensor([[1.5, -0.5, 0.0]]), "negative"),
        (torch.tensor([[0.5, 0.5]]), "2 coefficients for 3 experts"),
        (torch.tensor([0.2, 0.5, 0.3]), r"\[rows, experts\], got \[3\]"),
    ]:
        with pytest.raises(CoefficientError, match=reason), soups.at(wrong):
            pass
    with soups.at(POINTS) as every, pytest.raises(CoefficientError, match="5 rows of coefficients for 7 rows"):
        every(torch.randn(7, 4))
    with soups.at(POINTS) as every, pytest.raises(ConfigError, match=r"rows, got \[\[5, 4\], \[1, 4\]\]"):
        every(torch.randn(5, 4), torch.randn(1, 4))
    model.train()
    with pytest.raises(ConfigError, match=r"eval\(\)"), soups.at(POINTS):
        pass


ADAPTERS = {"north": (2, 4, ["q_proj", "v_proj"]), "east": (3, 9, ["q_proj", "down_proj"]), "south": (5, 5, ["q_proj"])}


def _language_model(**options: Any) -> Any:
    """A tiny Llama with three random adapters of differing ranks, alphas and targets, and a fourth that is active."""
    peft, transformers = pytest.importorskip("peft"), pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4
    )
    model = transformers.LlamaForCausalLM(config)
    spare = peft.LoraConfig(r=2, target_modules=["q_proj", "o_proj"], init_lora_weights=False)
    model = peft.get_peft_model(model, spare, adapter_name="spare")
    for name, (rank, alpha, targets) in ADAPTERS.items():
        lora = peft.LoraConfig(
            r=rank, lora_alpha=alpha, target_modules=targets, lora_dropout=0.1, init_lora_weights=False, **options
        )
        model.add_adapter(name, lora)
    with torch.no_grad():
        for key, weight in model.named_parameters():
            weight.normal_(std=0.5 if "lora_" in key else 0.2)
    return model.eval()


def _folded(point: Tensor) -> Any:
    """The base model alone, its weights W + Σ λ_e s_e B_e A_e."""
    lora = pytest.importorskip("peft.tuners.lora")
    model = _language_model()
    for layer in model.modules():
        for (name, (rank, alpha, _)), share in zip(ADAPTERS.items(), point.tolist(), strict=True):
            if isinstance(layer, lora.LoraLayer) and name in layer.lora_A:
                update = layer.lora_B[name].weight.data @ layer.lora_A[name].weight.data
                layer.base_layer.weight.data += share * alpha / rank * update
    return model.unload().eval()


def test_each_row_is_the_base_folded_at_its_coefficients() -> None:
    model, tokens = _language_model(), torch.randint(64, (2 * len(POINTS), 7))
    before = model(tokens).logits
    with together(model, list(ADAPTERS)).at(POINTS) as every:
        logits = every(tokens).logits
        with model.disable_adapter():
            base = model(tokens).logits
    assert torch.equal(model(tokens).logits, before)
    with model.disable_adapter():
        assert torch.equal(model(tokens).logits, base)
    for row, point in enumerate(POINTS.repeat_interleave(2, 0)):
        expected = _folded(point)(tokens[[row]]).logits
        torch.testing.assert_close(logits[[row]], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("beams", [1, 3])
def test_generation_under_one_coefficient_per_row(beams: int) -> None:
    model, prompt = _language_model(), torch.randint(64, (1, 5))
    settings = {"max_new_tokens": 8, "do_sample": False, "num_beams": beams, "eos_token_id": None, "pad_token_id": 0}
    with together(model, list(ADAPTERS)).at(POINTS) as every:
        outputs = every.generate(input_ids=prompt.expand(len(POINTS), -1), **settings)
    expected = [_folded(point).generate(prompt, attention_mask=prompt > -1, **settings)[0] for point in POINTS]
    assert torch.equal(outputs, torch.stack(expected))
    assert len(outputs.unique(dim=0)) == len(POINTS.unique(dim=0)), "the soups say the same: nothing is told apart"


def test_forward_is_restored_after_an_error() -> None:
    model, tokens = _language_model(), torch.randint(64, (5, 7))
    weights, before = {key: tensor.clone() for key, tensor in model.state_dict().items()}, model(tokens).logits
    trained = {key for key, weight in model.named_parameters() if weight.requires_grad}
    soups = together(model, list(ADAPTERS))
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
    soups = together(model, list(ADAPTERS))
    with soups.at(POINTS):
        outer = model(tokens).logits
        with soups.at(POINTS[3:4]):
            assert not torch.equal(model(tokens).logits, outer)
        assert torch.equal(model(tokens).logits, outer)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"use_dora": True}, "adapter 'north' is no plain LoRA but Dora"),
        ({"modules_to_save": ["lm_head"]}, "'base_model.model.lm_head' is a .*ModulesToSaveWrapper"),
    ],
)
def test_adapters_that_cannot_be_mixed_by_row(options: dict[str, Any], reason: str) -> None:
    model = _language_model(**options)
    with pytest.raises(MergeError, match=reason):
        together(model, list(ADAPTERS))


def test_embedding_bias_and_folded_adapters_are_refused() -> None:
    peft = pytest.importorskip("peft")
    model = _language_model()
    model.merge_adapter(["spare"])
    with pytest.raises(MergeError, match=r"has \['spare'\] folded in: call unmerge_adapter\(\)"):
        together(model, list(ADAPTERS))
    model = _language_model()
    model.add_adapter("tokens", peft.LoraConfig(r=2, target_modules=["embed_tokens"]))
    with pytest.raises(MergeError, match=r"embed_tokens' is a peft.tuners.lora.layer.Embedding"):
        together(model, list(ADAPTERS))
    model = peft.get_peft_model(nn.Sequential(nn.Linear(4, 2)), peft.LoraConfig(target_modules=["0"], lora_bias=True))
    with pytest.raises(MergeError, match="adapter 'default' has a bias"):
        together(model, ["default"])


def test_unknown_adapter() -> None:
    with pytest.raises(UnknownNameError, match="unknown adapter 'nort': did you mean 'north'"):
        together(_language_model(), ["nort", "east"])


def test_without_peft(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "peft.tuners.lora", None)
    with pytest.raises(ConfigError, match=r"pip install 'rsoup_lightning\[lora\]'"):
        together(nn.Linear(2, 2), ["north"])


def test_the_librarys_own_policy() -> None:
    from rsoup_lightning.modalities.control import GaussianMLP

    nets = []
    for seed in range(2):
        torch.manual_seed(seed)
        policy = GaussianMLP(3, 2, hidden=(8,))
        nn.init.normal_(policy.actor[-1].weight)
        nets.append(policy.actor.eval())
    weights = [{name: tensor.clone() for name, tensor in net.state_dict().items()} for net in nets]
    rows = torch.randn(3, 3)
    points = [[1.0, 0.0], [0.3, 0.7], [0.0, 1.0]]
    with together(nets[0], weights).at(torch.tensor(points)) as soups:
        played = soups(rows)
    for index, point in enumerate(points):
        nets[1].load_state_dict(linear(weights, point))
        torch.testing.assert_close(played[index], nets[1](rows[index]).detach())
