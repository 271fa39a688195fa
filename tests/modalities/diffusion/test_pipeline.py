"""Pipelines from folders, and back into them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from diffusers import DDIMScheduler, PNDMScheduler, StableDiffusionPipeline

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.diffusion import DiffusionPolicy, PretrainedPipeline
from rsoup_lightning.modalities.lora import LoRA
from tests.modalities.diffusion.tiny import parts, policy, saved


def test_a_folder_is_loaded_whole(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    loaded = PretrainedPipeline(saved(tmp_path / "pipeline")).load()
    assert "it/s" not in capfd.readouterr().err
    assert isinstance(loaded, StableDiffusionPipeline) and loaded.safety_checker is None
    for part in ("vae", "unet", "text_encoder"):
        expected = parts()[part].state_dict()
        assert all(torch.equal(tensor, expected[name]) for name, tensor in getattr(loaded, part).state_dict().items())


def test_half_precision_becomes_float32(tmp_path: Path) -> None:
    loaded = PretrainedPipeline(saved(tmp_path / "pipeline", unet=parts()["unet"].half())).load()
    assert loaded.unet.dtype == loaded.vae.dtype == loaded.text_encoder.dtype == torch.float32


def test_another_scheduler_can_be_replaced_on_its_noise_schedule(tmp_path: Path) -> None:
    own = PNDMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", skip_prk_steps=True, steps_offset=1
    )
    folder = saved(tmp_path / "pipeline", scheduler=own)
    with pytest.raises(ConfigError, match=r"PNDMScheduler.*scheduler to ddim"):
        DiffusionPolicy(PretrainedPipeline(folder).load())
    replaced = PretrainedPipeline(folder, "ddim").load()
    assert isinstance(replaced.scheduler, DDIMScheduler) and not replaced.scheduler.config.clip_sample
    assert torch.equal(replaced.scheduler.alphas_cumprod, own.alphas_cumprod)
    assert len(DiffusionPolicy(replaced, steps=4).denoiser.schedule) == 4


def test_what_cannot_be_loaded_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no folder /no/such/pipeline to load the text-to-image pipeline"):
        PretrainedPipeline("/no/such/pipeline").load()
    with pytest.raises(ConfigError, match="holds no text-to-image pipeline"):
        PretrainedPipeline(str(tmp_path)).load()


@pytest.mark.parametrize("file", ["unet/adapter_config.json", "pytorch_lora_weights.safetensors"])
def test_an_adapter_beside_a_pipeline_is_not_left_out_in_silence(file: str, tmp_path: Path) -> None:
    folder = saved(tmp_path / "pipeline")
    (tmp_path / "pipeline" / file).write_bytes(b"")
    with pytest.raises(ConfigError, match=f"{file} is of an adapter, which would be left out: fold it in"):
        PretrainedPipeline(folder).load()


def test_an_exported_adapter_says_where_its_pipeline_lies(tmp_path: Path) -> None:
    trained = policy(seed=1, lora=LoRA(rank=2))
    trained.export(tmp_path)
    with pytest.raises(ConfigError, match=f"give {tmp_path}/pipeline, where it is folded in"):
        PretrainedPipeline(str(tmp_path)).load()
    assert PretrainedPipeline(str(tmp_path / "pipeline")).load().unet is not None


def test_a_hub_name_without_network_says_how_to_name_a_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "https://hub.invalid")
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigError, match=r"nobody/no-such-model.*give the path of a folder"):
        PretrainedPipeline("nobody/no-such-model").load()
