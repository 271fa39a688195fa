"""``rsoup merge`` on the folders that PEFT writes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from rsoup_lightning.commands.merge import merge_command
from rsoup_lightning.errors import RSoupError
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
