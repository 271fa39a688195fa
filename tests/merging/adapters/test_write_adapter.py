"""``rsoup merge`` on the folders that PEFT writes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from rsoup_lightning.commands.merge import merge_command
from rsoup_lightning.errors import OutputError, RSoupError
from rsoup_lightning.merging.on_disk import merge
from tests.merging.disk.test_stored_expert import sharded
from tests.running import rsoup


@pytest.fixture
def adapters(tmp_path: Path) -> list[Path]:
    """A tiny base model in ``base``, and two adapters of it."""
    transformers, peft = pytest.importorskip("transformers"), pytest.importorskip("peft")
    config = transformers.LlamaConfig(
        hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, vocab_size=64
    )
    torch.manual_seed(0)
    transformers.LlamaForCausalLM(config).save_pretrained(tmp_path / "base")
    for seed, rank in enumerate((4, 8)):
        base = transformers.LlamaForCausalLM.from_pretrained(tmp_path / "base")
        lora = peft.LoraConfig(r=rank, lora_alpha=16, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
        torch.manual_seed(seed + 1)
        peft.get_peft_model(base, lora).save_pretrained(tmp_path / f"lora{seed}")
    return [tmp_path / "lora0", tmp_path / "lora1"]


def test_adapters_exact_and_folded_agree(adapters: list[Path], tmp_path: Path) -> None:
    import peft
    import transformers

    experts, base = list(map(str, adapters)), str(tmp_path / "base")
    common = ("merge", "--experts", *experts, "--coefficients", ".3", ".7")
    done = rsoup(*common, "--output", str(tmp_path / "soup"))
    assert "q_proj" in done.stdout
    assert "none" in done.stdout  # their ranks differ, so the factors have no average
    rsoup(*common, "--lora", "dense", "--base", base, "--output", str(tmp_path / "dense"))
    tokens = torch.arange(12).view(1, -1)
    model = transformers.LlamaForCausalLM.from_pretrained(base)
    adapted = peft.PeftModel.from_pretrained(model, tmp_path / "soup").eval()
    folded = transformers.LlamaForCausalLM.from_pretrained(tmp_path / "dense").eval()
    with torch.no_grad():
        torch.testing.assert_close(adapted(tokens).logits, folded(tokens).logits, rtol=1e-5, atol=1e-5)
    layers = json.loads((tmp_path / "soup/merge.json").read_text())["layers"]
    assert {layer["rank"] for layer in layers} == {12}


def test_pickled_adapters_are_merged_like_others(adapters: list[Path], tmp_path: Path) -> None:
    experts = list(map(str, adapters))
    (adapters[0] / "tokenizer.json").write_text("{}")
    merge(experts, str(tmp_path / "wanted"), [0.3, 0.7])
    for adapter in adapters:
        torch.save(load_file(adapter / "adapter_model.safetensors"), adapter / "adapter_model.bin")
        (adapter / "adapter_model.safetensors").unlink()
    rsoup("merge", "--experts", *experts, "--coefficients", ".3", ".7", "--output", str(tmp_path / "soup"))
    wanted, merged = (tmp_path / name for name in ("wanted", "soup"))
    assert {file.name for file in merged.iterdir()} == {file.name for file in wanted.iterdir()}
    assert (merged / "tokenizer.json").is_file()
    assert not (merged / "adapter_model.bin").exists()
    names = "adapter_model.safetensors", "adapter_config.json"
    assert all((merged / name).read_bytes() == (wanted / name).read_bytes() for name in names)


def test_what_lies_beside_adapters_must_be_whole(adapters: list[Path], tmp_path: Path) -> None:
    (adapters[0] / "tokenizer_config.json").write_text("{")
    with pytest.raises(RSoupError, match=r"tokenizer_config\.json is not a whole JSON"):
        merge(list(map(str, adapters)), str(tmp_path / "out"), [0.5, 0.5])
    assert not (tmp_path / "out").exists()


def test_one_hot_adapter_is_the_expert(adapters: list[Path], tmp_path: Path) -> None:
    merge(list(map(str, adapters)), str(tmp_path / "out"), [0.0, 1.0])
    expected, merged = (load_file(path / "adapter_model.safetensors") for path in (adapters[1], tmp_path / "out"))
    assert merged.keys() == expected.keys()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in merged.items())


def test_a_sweep_of_adapters(adapters: list[Path], tmp_path: Path) -> None:
    reports = merge(list(map(str, adapters)), str(tmp_path / "sweep"), grid=3, rank=6)
    assert [path.name for path in reports] == ["0-1", "0.5-0.5", "1-0"]
    assert all(0 < layer.error < 1 for layer in reports[tmp_path / "sweep/0.5-0.5"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--lora", "factor"], "rank"),
        (["--lora", "dense"], "--lora dense and --base FOLDER"),
        (["--method", "ties"], "--method is for models, and these experts are adapters: fold each with --lora dense"),
        (["--method", "tie"], "unknown merge method 'tie': did you mean 'ties'"),
        (["--lora", "dense", "--base", "no_such"], "no_such does not exist"),
        (["--density", "0.0"], "--density is for models"),
    ],
)
def test_what_adapters_refuse(adapters: list[Path], tmp_path: Path, arguments: list[str], message: str) -> None:
    experts = list(map(str, adapters))
    common = ["--experts", *experts, "--coefficients", ".5", ".5", "--output", str(tmp_path / "out")]
    with pytest.raises(RSoupError, match=message):
        merge_command([*common, *arguments])
    assert not (tmp_path / "out").exists()


def test_adapters_of_another_base_and_mixed_kinds(adapters: list[Path], tmp_path: Path) -> None:
    experts = [sharded(tmp_path / f"e{seed}", seed) for seed in range(2)]
    out = ["--coefficients", ".5", ".5", "--output", str(tmp_path / "out")]
    with pytest.raises(RSoupError, match="is not an adapter, others are"):
        merge_command(["--experts", str(adapters[0]), str(experts[0]), *out])
    with pytest.raises(RSoupError, match="breif does not exist"):
        merge_command(["--experts", str(adapters[0]), str(tmp_path / "breif"), *out])
    with pytest.raises(RSoupError, match=r"--rank is for adapters, and these experts are models$"):
        merge_command(["--experts", str(experts[0]), str(experts[1]), "--rank", "3", *out])
    with pytest.raises(RSoupError, match=r"lacks 'model\.layers\.0\.self_attn\.q_proj\.weight'"):
        merge(list(map(str, adapters)), str(tmp_path / "out"), [0.5, 0.5], lora="dense", base=str(experts[0]))
    config = adapters[1] / "adapter_config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "base_model_name_or_path": "other"}))
    with pytest.raises(RSoupError, match="experts must share their base model"):
        merge(list(map(str, adapters)), str(tmp_path / "out"), [0.5, 0.5])


def test_folding_spares_the_adapters_and_their_folder(adapters: list[Path], tmp_path: Path) -> None:
    base = str(tmp_path / "base")
    for target in (adapters[0], tmp_path):
        with pytest.raises(RSoupError, match="lie in each other"):
            merge(list(map(str, adapters)), str(target), [0.5, 0.5], lora="dense", base=base, overwrite=True)
    assert all((adapter / "adapter_model.safetensors").is_file() for adapter in adapters)


def test_a_quantised_base_is_refused(adapters: list[Path], tmp_path: Path) -> None:
    file = tmp_path / "base/model.safetensors"
    tensors = load_file(file)
    save_file({name: tensor.to(torch.int8) if "q_proj" in name else tensor for name, tensor in tensors.items()}, file)
    with pytest.raises(RSoupError, match=r"q_proj.weight' is torch.int8 in the base .*before its quantisation"):
        merge(list(map(str, adapters)), str(tmp_path / "out"), [0.5, 0.5], lora="dense", base=str(tmp_path / "base"))


def test_factors_outside_their_folder_are_refused(adapters: list[Path], tmp_path: Path) -> None:
    files = [str(adapter / "adapter_model.safetensors") for adapter in adapters]
    with pytest.raises(RSoupError, match="is a part of an adapter"):
        merge(files, str(tmp_path / "out"), [0.5, 0.5])


def test_a_sweeps_table_shows_the_widest_gap(
    adapters: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import peft
    import transformers

    base = transformers.LlamaForCausalLM.from_pretrained(tmp_path / "base")
    torch.manual_seed(5)
    lora = peft.LoraConfig(r=4, lora_alpha=16, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    peft.get_peft_model(base, lora).save_pretrained(tmp_path / "lora2")
    both = [str(adapters[0]), str(tmp_path / "lora2")]
    merge_command(["--experts", *both, "--grid", "3", "--output", str(tmp_path / "sweep")])
    table = capsys.readouterr().out
    assert "0.5-0.5" in table
    assert "wrote 3 merges" in table


def saved_adapter(folder: Path, A: torch.Tensor, B: torch.Tensor, **others: torch.Tensor) -> Path:
    """As PEFT writes one of a single layer, with what was trained in full under ``norm``."""
    folder.mkdir()
    config = {"peft_type": "LORA", "r": len(A), "lora_alpha": len(A), "target_modules": ["layer"]}
    (folder / "adapter_config.json").write_text(json.dumps({**config, "base_model_name_or_path": "x"}))
    tensors = {"layer.lora_A.weight": A, "layer.lora_B.weight": B, **{f"norm.{key}": t for key, t in others.items()}}
    save_file({f"base_model.model.{key}": t for key, t in tensors.items()}, folder / "adapter_model.safetensors")
    return folder


def saved_base(folder: Path, layer: torch.Tensor, **others: torch.Tensor) -> Path:
    folder.mkdir()
    save_file({"layer.weight": layer, **{f"norm.{key}": t for key, t in others.items()}}, folder / "model.safetensors")
    return folder


def test_counters_of_layers_trained_in_full_take_the_largest(tmp_path: Path) -> None:
    factors = torch.ones(1, 3), torch.ones(4, 1)
    experts = [
        saved_adapter(
            tmp_path / name, *factors, weight=torch.full((4,), float(count)), num_batches_tracked=torch.tensor(count)
        )
        for name, count in (("a", 5), ("b", 6))
    ]
    base = saved_base(tmp_path / "base", torch.ones(4, 3), weight=torch.ones(4), num_batches_tracked=torch.tensor(1))
    merge(experts, tmp_path / "soup", [0.5, 0.5])
    soup = load_file(tmp_path / "soup/adapter_model.safetensors")
    assert soup["base_model.model.norm.num_batches_tracked"] == 6
    merge(experts, tmp_path / "dense", [0.5, 0.5], lora="dense", base=base)
    dense = load_file(tmp_path / "dense/model.safetensors")
    assert dense["norm.num_batches_tracked"] == 6 and dense["layer.weight"].unique() == 2


def test_an_update_that_overflows_its_base_is_named(tmp_path: Path) -> None:
    experts = [saved_adapter(tmp_path / name, torch.full((1, 3), 100.0), torch.full((4, 1), 100.0)) for name in "ab"]
    base = saved_base(tmp_path / "base", torch.full((4, 3), 60000.0).half())
    with pytest.raises(RSoupError, match=r"'layer\.weight': overflows"):
        merge(experts, tmp_path / "out", [0.5, 0.5], lora="dense", base=base)
    assert not (tmp_path / "out").exists()


def test_a_gap_over_nothing_is_written_as_null(tmp_path: Path) -> None:
    first = saved_adapter(tmp_path / "a", torch.ones(1, 3), torch.zeros(4, 1))
    second = saved_adapter(tmp_path / "b", torch.zeros(1, 3), torch.ones(4, 1))
    merge([first, second], tmp_path / "out", [0.5, 0.5])
    assert [layer["gap"] for layer in json.loads((tmp_path / "out/merge.json").read_text())["layers"]] == [None]


@pytest.mark.parametrize("form", ["folder", "file"])
def test_a_disk_that_fills_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    experts = [saved_adapter(tmp_path / name, torch.ones(1, 3), torch.ones(4, 1)) for name in "ab"]
    if form == "file":
        experts = [tmp_path / f"{name}.safetensors" for name in "ab"]
        for file in experts:
            save_file({"unet.q.lora_A.weight": torch.ones(1, 3), "unet.q.lora_B.weight": torch.ones(4, 1)}, file)

    def full(*arguments: object) -> None:
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr("rsoup_lightning.merging.disk.io.save_file", full)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(OutputError, match=r"the disk is full: .*out.* was not written"):
        merge(experts, tmp_path / f"out{experts[0].suffix}", [0.5, 0.5])
    assert sorted(tmp_path.iterdir()) == before


def test_a_misspelt_mode_is_refused_from_python_too(tmp_path: Path) -> None:
    experts = [saved_adapter(tmp_path / name, torch.ones(1, 3), torch.ones(4, 1)) for name in "ab"]
    with pytest.raises(RSoupError, match="unknown mode of LoRA 'factors': did you mean 'factor'"):
        merge(experts, tmp_path / "out", [0.5, 0.5], lora="factors")
    assert not (tmp_path / "out").exists()


def test_chat_templates_in_their_folder_are_carried_along(tmp_path: Path) -> None:
    experts = [saved_adapter(tmp_path / name, torch.ones(1, 3), torch.ones(4, 1)) for name in "ab"]
    for folder in ("additional_chat_templates", "checkpoint-1"):
        (experts[0] / folder).mkdir()
        (experts[0] / folder / "tool_use.jinja").write_text("{{ 2 }}")
    merge(experts, tmp_path / "out", [0.5, 0.5])
    assert (tmp_path / "out/additional_chat_templates/tool_use.jinja").read_text() == "{{ 2 }}"
    assert not (tmp_path / "out/checkpoint-1").exists()
