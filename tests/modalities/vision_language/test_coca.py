"""A model folder as open_clip writes and reads them, and the forms that CoCa comes in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import open_clip
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.vision_language.coca import (
    OpenClipCoCa,
    following_logits,
    picture_features,
    trained_names,
)
from rsoup_lightning.modalities.vision_language.features import Pixels
from rsoup_lightning.modalities.vision_language.policy import VisionLanguagePolicy
from tests.modalities.vision_language.tiny import Squares, environment, small

POOLED = {"attentional_pool": True, "attn_pooler_heads": 2}
CASCADE = {"attentional_pool": "cascade", "attn_pooler_heads": 2, "width": 16}


def configuration(**vision: Any) -> dict[str, Any]:
    """The configuration of coca_ViT-B-32 at a small size."""
    given = open_clip.get_model_config("coca_ViT-B-32")
    assert given is not None
    given["embed_dim"] = 16
    given["vision_cfg"] = {"image_size": 32, "patch_size": 16, "width": 32, "head_width": 16, "layers": 1}
    given["vision_cfg"] |= {"output_tokens": True, **vision}
    for side in ("text_cfg", "multimodal_cfg"):
        given[side] = {**given[side], "context_length": 16, "width": 16, "heads": 2, "layers": 1}
    given["multimodal_cfg"]["attn_pooler_heads"] = 2
    return given


def folder(path: Path, model: nn.Module | None, config: dict[str, Any]) -> str:
    """What open_clip writes of a model; without one, the configuration alone."""
    path.mkdir(exist_ok=True)
    preprocess = {"mean": [0.5] * 3, "std": [0.25] * 3}
    (path / "open_clip_config.json").write_text(json.dumps({"model_cfg": config, "preprocess_cfg": preprocess}))
    if model is not None:
        save_file(model.state_dict(), path / "open_clip_model.safetensors")
    return f"local-dir:{path}"


def tiny_coca(config: dict[str, Any]) -> open_clip.CoCa:
    torch.manual_seed(0)
    settings = {name: value for name, value in config.items() if name != "custom_text"}
    model = open_clip.CoCa(**settings)
    nn.init.normal_(model.text_decoder.text_projection)  # open_clip leaves what was in memory
    return model.eval()


@pytest.fixture
def pooled(tmp_path: Path) -> tuple[str, Any]:
    """A folder with a CoCa whose encoder ends in attentional pooling, as all of open_clip's do, and that model."""
    config = configuration(**POOLED)
    model = tiny_coca(config)
    return folder(tmp_path / "coca", model, config), model


def test_a_folder_of_open_clip(pooled: tuple[str, Any]) -> None:
    name, model = pooled
    loaded = OpenClipCoCa(name).load(Squares())
    assert loaded.context == 16
    pixels = loaded.preprocess(Image.new("RGB", (50, 40), (255, 0, 0)))
    assert pixels.shape == (3, 32, 32)
    # The folder's mean and standard deviation.
    assert torch.allclose(pixels.amax((1, 2)), torch.tensor([2.0, -2.0, -2.0]))
    tokens = torch.tensor([[loaded.vocabulary.start, *loaded.vocabulary.encode("a red square")]])
    with torch.no_grad():
        ours = following_logits(loaded.model, picture_features(loaded.model, pixels[None]), tokens)
        rest = torch.zeros(1, 16 - tokens.shape[1], dtype=torch.long)
        theirs = model(pixels[None], torch.cat([tokens, rest], 1))["logits"]
    assert torch.allclose(ours, theirs[:, : tokens.shape[1]], atol=1e-5)


def test_a_file_of_weights_for_an_architecture(
    tmp_path: Path, pooled: tuple[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "coca_small.json").write_text(json.dumps(configuration(**POOLED)))
    monkeypatch.setattr("open_clip.factory._MODEL_CONFIG_PATHS", [])
    monkeypatch.setattr("open_clip.factory._MODEL_CONFIGS", {})
    open_clip.add_model_config(tmp_path / "coca_small.json")
    loaded = OpenClipCoCa("coca_small", str(tmp_path / "coca" / "open_clip_model.safetensors")).load(Squares())
    for name, tensor in pooled[1].state_dict().items():
        assert torch.equal(loaded.model.state_dict()[name], tensor), name


def test_what_was_written_is_text(pooled: tuple[str, Any]) -> None:
    data = Squares()
    loaded = OpenClipCoCa(pooled[0]).load(data)
    names = [item.picture for split in ("train", "eval") for item in data.items(split)]  # type: ignore[arg-type]
    made = VisionLanguagePolicy(loaded, Pixels(loaded, data, names))
    made.train_encoder = True  # pixels, seen by the frozen encoder
    rollout = environment(data, made, context=16, beams=2).evaluate(made, torch.arange(2))
    kept = rollout["tokens"][0][rollout.mask[0]].tolist()
    assert rollout.texts["answer"][0] == loaded.vocabulary.decode(kept)
    assert rollout.texts["answer"][0]


@pytest.mark.parametrize("encoder", [False, True])
@pytest.mark.parametrize("vision", [POOLED, CASCADE, {"width": 16}, None], ids=["pooled", "cascade", "plain", "small"])
def test_trained_is_what_captions_depend_on(vision: dict[str, Any] | None, encoder: bool) -> None:
    model: Any = small().build(words=9) if vision is None else tiny_coca(configuration(**vision))
    pixels = torch.randn(2, 3, *model.visual.image_size)
    tokens = torch.tensor([[1, 3, 5], [1, 4, 6]])
    following_logits(model, picture_features(model, pixels), tokens).sum().backward()
    reached = {name for name, weight in model.named_parameters() if weight.grad is not None and weight.grad.any()}
    if not encoder:
        reached = {name for name in reached if not name.startswith("visual.")}
    assert trained_names(model, encoder=encoder) == reached
    assert len(reached) > 20


@pytest.mark.parametrize("encoder", [False, True])
def test_waves_are_no_part_of_an_expert(encoder: bool) -> None:
    model: Any = small(positions="waves").build(words=9)
    assert "visual.positional_embedding" not in trained_names(model, encoder=encoder)
    learnt = trained_names(small().build(words=9), encoder=encoder)
    assert learnt - trained_names(model, encoder=encoder) == ({"visual.positional_embedding"} if encoder else set())


def refusal(name: str, weights: str | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        OpenClipCoCa(name, weights).load(Squares())
    return str(caught.value)


def test_what_cannot_be_loaded(tmp_path: Path, pooled: tuple[str, Any]) -> None:
    assert refusal("coca_ViT-B-32") == "coca_ViT-B-32 needs weights: give a file, or one of open_clip's tags for it"
    assert "no file ./absent.pt to load the weights of coca_ViT-B-32" in refusal("coca_ViT-B-32", "./absent.pt")
    assert "latest" in refusal("coca_ViT-B-32", "latest")
    assert "absent" in refusal(f"local-dir:{tmp_path / 'absent'}")
    assert "give local-dir:FOLDER as name" in refusal(f"local-dir:{tmp_path / 'absent'}")
    assert "leave weights out" in refusal(pooled[0], "laion2b_s13b_b90k")


def test_a_folder_without_weights(tmp_path: Path) -> None:
    name = folder(tmp_path / "empty", None, configuration(**POOLED))
    assert "could not be loaded" in refusal(name)


def test_a_clip_that_is_no_coca(tmp_path: Path) -> None:
    config = {name: value for name, value in configuration().items() if name != "multimodal_cfg"}
    torch.manual_seed(0)
    settings = {name: value for name, value in config.items() if name != "custom_text"}
    model = open_clip.CustomTextCLIP(**settings)
    name = folder(tmp_path / "clip", model, config)
    assert "is a CustomTextCLIP, which writes no text" in refusal(name)


def test_weights_of_another_size(tmp_path: Path) -> None:
    name = folder(tmp_path / "other", tiny_coca(configuration(**POOLED)), configuration(**POOLED, mlp_ratio=2.0))
    assert "size mismatch" in refusal(name)
