"""The paper's recipes for pictures: their settings, and every step of them on a model and files of a test's size."""

from __future__ import annotations

import json
import math
import pickle
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

from rsoup_lightning import registry
from rsoup_lightning.errors import ConfigError
from rsoup_lightning.run.recipes.recipe import Recipe
from rsoup_lightning.run.recipes.recipe_parser import recipe_parser
from tests.conftest import ROOT
from tests.modalities.vision_language.test_coca import POOLED, configuration, folder, tiny_coca
from tests.running import front, rsoup

EXPERTS = {
    "captioning/coco": ["bleu1", "bleu4", "rouge", "meteor", "cider"],
    "vqa/vqa2": ["bleu1", "meteor"],
    "grounding/refcoco": ["small", "medium", "large"],
}
each = pytest.mark.parametrize("name", EXPERTS)


def write(path: Path, value: Any) -> str:
    path.write_text(json.dumps(value))
    return str(path)


def pictures(path: Path, names: list[str]) -> str:
    for number, name in enumerate(names):
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 30), (40 * number, 90, 120)).save(path / name)
    return str(path)


def coco(path: Path) -> dict[str, Any]:
    """Karpathy's file and pictures."""
    records = [
        {
            "filepath": "val2014",
            "filename": f"{number}.jpg",
            "split": "test" if number < 3 else "train",
            "sentences": [{"raw": f"A {word} cat sits."}, {"raw": f"The {word} cat."}],
        }
        for number, word in enumerate(("red", "big", "old", "sad", "new", "wet"))
    ]
    images = pictures(path, [f"val2014/{number}.jpg" for number in range(6)])
    return {"annotations": write(path / "coco.json", {"images": records}), "images": images}


def vqa(path: Path) -> dict[str, Any]:
    """Questions and answers of VQA v2."""
    files: dict[str, Any] = {"images": str(path), "eval_size": 2}
    for split, subset, ids in (("train", "train2014", (1, 2, 3)), ("eval", "val2014", (4, 5))):
        asked = [{"question_id": number, "image_id": number, "question": "What is it?"} for number in ids]
        answers = [{"answer": "cat"}, {"answer": "a cat"}]
        given = [{"question_id": number, "image_id": number, "answers": answers} for number in ids]
        questions = {"data_subtype": subset, "questions": asked}
        files[f"{split}_questions"] = write(path / f"{split}_q.json", questions)
        files[f"{split}_annotations"] = write(path / f"{split}_a.json", {"annotations": given})
        pictures(path, [f"{subset}/COCO_{subset}_{number:012d}.jpg" for number in ids])
    return files


def refcoco(path: Path) -> dict[str, Any]:
    """References and instances of RefCOCO+."""
    names = [f"{number}.jpg" for number in range(5)]
    refs = [
        {
            "ref_id": number,
            "image_id": number,
            "ann_id": number,
            "split": "train" if number < 3 else "val",
            "sentences": [{"sent": "left cat"}],
        }
        for number in range(5)
    ]
    (path / "refs.p").write_bytes(pickle.dumps(refs, protocol=4))
    images = [{"id": number, "width": 40, "height": 30, "file_name": name} for number, name in enumerate(names)]
    annotations = [{"id": number, "bbox": [2, 3, 4 + 5 * number, 6]} for number in range(5)]
    instances = write(path / "instances.json", {"images": images, "annotations": annotations})
    return {"refs": str(path / "refs.p"), "instances": instances, "images": pictures(path, names)}


FILES = {"captioning/coco": coco, "vqa/vqa2": vqa, "grounding/refcoco": refcoco}


@pytest.fixture
def small(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A second recipe that makes the first one small, and free of GPU, hub and photographs."""
    monkeypatch.setenv("RSOUP_CACHE", str(tmp_path / "cache"))
    config = configuration(**POOLED)
    base = {"name": folder(tmp_path / "coca", tiny_coca(config), config), "weights": None}
    model: dict[str, Any] = {"base": {"init_args": base}, "data": {"init_args": FILES[name](tmp_path)}}
    sizes = {"batch_size": 2, "batches_per_epoch": 1, "max_new_tokens": 4, "beams": 2}
    soup = {"grid": 2, "shown": 1}
    trainer = {"accelerator": "cpu", "max_epochs": 1}
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump({"model": {**model, **sizes}, "trainer": trainer, "soup": soup}))
    return str(path)


def parsed(name: str, *more: str) -> tuple[str, Any, Any]:
    task = name.split("/")[0]
    parser = recipe_parser(registry.fine_tuner(task))
    return task, parser, parser.parse_args(["-c", str(ROOT / "conf" / f"{name}.yaml"), *more])


@each
def test_the_papers_settings(name: str) -> None:
    config = parsed(name)[2]
    assert config.model.optimizer.class_path == "torch.optim.RAdam" and config.model.optimizer.init_args.lr == 1e-5
    assert config.model.algorithm.class_path.endswith(".RLOO") and config.model.algorithm.init_args.completions == 5
    assert config.model.beams == 5 and config.trainer.max_epochs == 6
    assert config.soup.experts == EXPERTS[name]


@each
def test_a_small_soup(name: str, small: str, tmp_path: Path) -> None:
    run = tmp_path / "run"
    rsoup("soup", "-c", str(ROOT / "conf" / f"{name}.yaml"), "-c", small, "--run_dir", str(run))
    record = front(run)
    assert record["experts"] == EXPERTS[name]
    assert all(math.isfinite(value) for point in record["points"] for value in point["scores"].values())
    shown = json.loads((run / "shown" / "000.json").read_text())["shown"][0]
    assert Image.open(run / "shown" / shown["media"]).format == "WEBP"
    page = (run / "report.html").read_text()
    assert "data:image/webp;base64," in page and shown["title"] in page


@each
def test_it_names_what_is_missing(name: str) -> None:
    with pytest.raises(ConfigError, match=r"there is no file absent/weights\.pt"):
        Recipe.resolve(*parsed(name, "--model.base.init_args.weights=absent/weights.pt")).fine_tuner(0)
