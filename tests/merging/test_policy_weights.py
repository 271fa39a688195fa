"""Adapters that PEFT wrote, as experts and as initialisation of a language policy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from torch import Tensor

from rsoup_lightning.errors import MergeError, WeightsError
from rsoup_lightning.merging import linear
from rsoup_lightning.merging.policy_weights import read_experts
from rsoup_lightning.modalities.language import LanguageFineTuner
from rsoup_lightning.modalities.language.policy import LanguagePolicy, TextPolicy
from rsoup_lightning.modalities.lora import LoRA
from rsoup_lightning.run.trainer.callbacks import SoupCallback, souped
from tests.conftest import PointPolicy, quiet_trainer
from tests.modalities.language.tiny import Letters, Sentences, llama, saved

TOKENS = torch.arange(3, 15).view(2, 6)
TARGETS = ["q_proj", "v_proj"]


def adapter(folder: Path, seed: int, base: Any = None, **settings: Any) -> Path:
    """A folder as PEFT writes it."""
    chosen = {"r": 2, "lora_alpha": 6, "target_modules": TARGETS, "task_type": "CAUSAL_LM", **settings}
    model = peft.get_peft_model(llama() if base is None else base, peft.LoraConfig(**chosen))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.copy_(torch.randn(parameter.shape, generator=generator))
    model.save_pretrained(folder)
    return folder


def policy(**settings: Any) -> LanguagePolicy:
    return LanguagePolicy(llama(), LoRA(**{"rank": 4, "alpha": 4, **settings}))


def logits(model: Any) -> Tensor:
    with torch.no_grad():
        return model.eval()(TOKENS).logits


@pytest.mark.filterwarnings("ignore:Setting `save_embedding_layers`")
@pytest.mark.parametrize(
    ("settings", "lora"),
    [
        ({}, {}),
        ({"r": 4, "lora_alpha": 3, "use_rslora": True}, {"targets": TARGETS}),
        ({"r": 1, "rank_pattern": {"q_proj": 3}, "target_modules": ["q_proj", "o_proj"]}, {}),
        ({"target_modules": ["embed_tokens", "q_proj"]}, {"targets": ["embed_tokens", "q_proj"]}),
    ],
)
def test_the_policy_answers_as_peft_does(tmp_path: Path, settings: dict[str, Any], lora: dict[str, Any]) -> None:
    folder, made = adapter(tmp_path / "a", 1, **settings), policy(**lora)
    (weights,) = read_experts({"a": folder}, made, made.weights()).values()
    made.load_weights(weights)
    wanted = logits(peft.PeftModel.from_pretrained(llama(), folder))
    assert (wanted - logits(llama())).abs().max() > 0.01
    torch.testing.assert_close(logits(made.model), wanted, rtol=1e-5, atol=1e-5)


def test_ranks_that_the_adapter_lacks_can_still_learn(tmp_path: Path) -> None:
    made = policy()
    fresh = {name: tensor.clone() for name, tensor in made.weights().items()}
    (weights,) = read_experts({"a": adapter(tmp_path / "a", 1)}, made, made.weights()).values()
    for name, tensor in weights.items():
        if "q_proj.lora_A" in name:
            assert torch.equal(tensor[2:], fresh[name][2:])
            assert tensor.any(1).all()
        if "q_proj.lora_B" in name:
            assert tensor[:, :2].any() and not tensor[:, 2:].any()
        if "o_proj.lora_A" in name:
            assert torch.equal(tensor, fresh[name])


def test_exported_adapters_are_read_as_the_experts_they_are(tmp_path: Path) -> None:
    made = policy()
    made.load_weights({name: torch.randn_like(tensor) for name, tensor in made.weights().items()})
    made.export(tmp_path / "expert")
    again = policy()
    read = read_experts({"expert": tmp_path / "expert"}, again, again.weights())["expert"]
    assert read.keys() == made.weights().keys()
    assert all(torch.equal(read[name], tensor) for name, tensor in made.weights().items())


def test_a_soup_of_adapters_is_played_by_its_updates(tmp_path: Path) -> None:
    """Not by averaged factors; and the policy is as before."""
    made = policy()
    own = {name: tensor.clone() for name, tensor in made.weights().items()}
    places = {name: adapter(tmp_path / name, seed, lora_alpha=1) for seed, name in enumerate("ab")}
    experts = list(read_experts(places, made, made.weights()).values())
    wholes = [
        peft.PeftModel.from_pretrained(llama(), place).merge_and_unload().state_dict() for place in places.values()
    ]
    wanted = llama()
    wanted.load_state_dict(linear(wholes, [0.25, 0.75]))
    with souped(made, experts, (0.25, 0.75)) as soup:
        assert isinstance(soup, TextPolicy)
        with soup.playing() as model:
            torch.testing.assert_close(logits(model), logits(wanted), rtol=1e-5, atol=1e-5)
    assert all(torch.equal(made.weights()[name], tensor) for name, tensor in own.items())


def tuner(base: str, lora: LoRA | None = None, **settings: Any) -> LanguageFineTuner:
    rewards = {"early": Letters(), "late": Letters("n", "z")}
    chosen = {"lora": lora or LoRA(rank=4), "precision": "float32", "batch_size": 4, "max_new_tokens": 6}
    return LanguageFineTuner(base=base, data=Sentences(), rewards=rewards, **{**chosen, **settings})


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return saved(tmp_path_factory.mktemp("base"))


def test_soups_of_adapters_are_benchmarked(base: str, tmp_path: Path) -> None:
    """Each expert scores what a policy scores that begins at it; so does the adapter merged on disk."""
    from rsoup_lightning.merging.on_disk import merge

    folders = {name: str(adapter(tmp_path / name, seed)) for seed, name in enumerate(("early", "late"))}
    callback = SoupCallback(folders, points=[{"early": 1.0}, {"early": 0.25, "late": 0.75}, {"late": 1.0}])
    quiet_trainer(callbacks=[callback]).test(tuner(base), verbose=False)
    merge(list(folders.values()), str(tmp_path / "soup"), [0.25, 0.75])
    alone = [folders["early"], str(tmp_path / "soup"), folders["late"]]
    for point, folder in zip(callback.points, alone, strict=True):
        (result,) = quiet_trainer().test(tuner(base, init_weights=folder), verbose=False)
        for name in folders:
            assert point.scores[name].mean() == pytest.approx(result[f"test/{name}"], abs=1e-6)
    assert len({tuple(point.scores[name].mean() for name in folders) for point in callback.points}) == 3


REFUSED = [
    ({"target_modules": ["up_proj"]}, {}, r"a adapts '.*up_proj', and the policy .*lora\.targets"),
    ({"r": 6}, {}, r"rank 6 at '.*', the policy of this recipe 4: set its lora\.rank to 6, or .*--rank 4"),
    ({"modules_to_save": ["lm_head"]}, {}, r"trained 'lm_head\.weight' in full.*--lora dense"),
    ({"use_dora": True}, {}, "'use_dora'"),
]


@pytest.mark.parametrize(("settings", "lora", "message"), REFUSED)
def test_adapters_that_do_not_fit(tmp_path: Path, settings: dict[str, Any], lora: dict[str, Any], message: str) -> None:
    made = policy(**lora)
    with pytest.raises(MergeError, match=message):
        read_experts({"a": adapter(tmp_path / "a", 1, **settings)}, made, made.weights())


def test_what_else_is_refused(tmp_path: Path) -> None:
    whole, made = LanguagePolicy(llama()), policy()
    folder = adapter(tmp_path / "a", 1)
    with pytest.raises(MergeError, match=r"a is a LoRA adapter, and the policy of this recipe trains none"):
        read_experts({"a": folder}, whole, whole.weights())
    config = folder / "adapter_config.json"
    other = adapter(tmp_path / "b", 2)
    (other / "adapter_config.json").write_text(config.read_text().replace('"revision": null', '"revision": "v2"'))
    with pytest.raises(MergeError, match="revision is 'main' in a but 'v2' in b"):
        read_experts({"a": folder, "b": other}, made, made.weights())
    (folder / "adapter_model.safetensors").write_bytes(b"")
    with pytest.raises(WeightsError, match="not a whole safetensors"):
        read_experts({"a": folder}, made, made.weights())


def test_tokenizers_that_number_tokens_differently(tmp_path: Path) -> None:
    made, places = policy(), {name: adapter(tmp_path / name, seed) for seed, name in enumerate("ab")}
    for place, numbers in zip(places.values(), ({"x": 0, "y": 1}, {"x": 1, "y": 0}), strict=True):
        (place / "vocab.json").write_text(json.dumps(numbers))
    with pytest.raises(MergeError, match=r"a and .*b do not have the same tokens, 'x' is number 0 and number 1"):
        read_experts(places, made, made.weights())


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite(tmp_path: Path, value: float) -> None:
    """Masks may be infinite, parameters not; in files of all kinds."""
    policy = PointPolicy()
    policy.register_buffer("mask", torch.tensor([0.0, -torch.inf]))
    weights = {name: weight.clone() for name, weight in policy.weights().items()}
    torch.save(weights, tmp_path / "good.pt")
    assert read_experts({"good": tmp_path / "good.pt"}, policy, policy.weights())["good"].keys() == weights.keys()
    weights["place"][1] = value
    torch.save(weights, tmp_path / "bad.pt")
    with pytest.raises(MergeError, match="'place' of bad holds NaN or infinite weights: that training diverged"):
        read_experts({"bad": tmp_path / "bad.pt"}, policy, policy.weights())
