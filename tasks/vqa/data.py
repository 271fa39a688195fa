"""Questions on pictures: generated ones on scenes of emoji, or people's in the format of VQA v2."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

from PIL.Image import Image

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.files import user_path
from rsoup_lightning.modalities.data import Item, Split
from tasks.emoji.noise import with_noise
from tasks.emoji.scene_data import SceneData
from tasks.emoji.scenes import Scene
from tasks.pictures.files import field, read_annotations
from tasks.pictures.split import PictureFolder

NUMBERS = ("no", "one", "two", "three", "four")

CLEARLY_BEYOND = 1 / 8
"""How much further to a side than all others a thing is to be called the one there, as a share of the canvas."""

CLEARLY_OFF = 1 / 16
"""How far from the middle of the canvas, across and down, a thing is to be in a corner, as a share of the canvas."""

CLEARLY_LARGER = 1.5
"""How many times the next one's area a thing needs to be called the largest."""

UNSURE = "not sure"

Asked = tuple[str, tuple[str, ...]]


class SceneQuestions(SceneData):
    """One question on each scene: what is where, how many things there are, the background's colour, where a thing is,
    what is largest.

    References of style ``answer`` are right ones. One of style ``pass``, "not sure", is beside them whatever is asked,
    so that a model learns that it may be said.

    Args:
        noise: up to which standard deviation pictures have noise, where black is 0 and white 1: each has as much as
            chance wants, so that some can be seen well and others hardly.
        **kwargs: as of SceneData.

    Raises:
        ConfigError: noise below 0, or as of SceneData.
    """

    def __init__(self, noise: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not 0 <= noise < math.inf:
            raise ConfigError(f"noise is {noise}: it must be at least 0")
        self.noise = noise

    def picture(self, name: str) -> Image:
        clear = super().picture(name)
        if not self.noise:
            return clear
        random = Random(f"{self.seed}/{name}/noise")
        return with_noise(clear, random.uniform(0, self.noise), random.getrandbits(64))

    def ask(self, picture: str, scene: Scene, random: Random) -> Item:
        kinds: list[Callable[[Scene, Random], Asked | None]] = [_place, _count, _colour, _where, _largest]
        random.shuffle(kinds)
        asked = (kind(scene, random) for kind in kinds)
        question, answers = next(found for found in asked if found is not None)
        return Item(picture, (*answers, UNSURE), question, styles=(*["answer"] * len(answers), "pass"))


def _place(scene: Scene, random: Random) -> Asked | None:
    if len(scene.things) == 1:
        return "what is in the picture?", scene.things[0].emoji.names
    sides = {"on the left": (0, -1), "on the right": (0, 1), "at the top": (1, -1), "at the bottom": (1, 1)}
    clear: list[Asked] = []
    for side, (axis, sign) in sides.items():
        # in pixels beyond the middle of the canvas, towards this side
        beyond = {thing: sign * (thing.middle[axis] - scene.canvas / 2) for thing in scene.things}
        first, second = sorted(scene.things, key=lambda thing: -beyond[thing])[:2]
        if beyond[first] > 0 and beyond[first] - beyond[second] >= CLEARLY_BEYOND * scene.canvas:
            clear.append((f"what is {side}?", first.emoji.names))
    return random.choice(clear) if clear else None


def _count(scene: Scene, random: Random) -> Asked:
    count = len(scene.things)
    return "how many things are there?", (NUMBERS[count],)


def _colour(scene: Scene, random: Random) -> Asked:
    return "what colour is the background?", (scene.background,)


def _where(scene: Scene, random: Random) -> Asked | None:
    names = Counter(thing.emoji.name for thing in scene.things)
    corners: list[Asked] = []
    for thing in scene.things:
        right, down = (middle - scene.canvas / 2 for middle in thing.middle)
        if names[thing.emoji.name] == 1 and min(abs(right), abs(down)) >= CLEARLY_OFF * scene.canvas:
            corner = f"{'bottom' if down > 0 else 'top'} {'right' if right > 0 else 'left'}"
            corners.append((f"where is the {thing.emoji.name}?", (corner,)))
    return random.choice(corners) if corners else None


def _largest(scene: Scene, random: Random) -> Asked | None:
    ordered = sorted(scene.things, key=lambda thing: -thing.area)
    if len(ordered) == 1 or ordered[0].area < CLEARLY_LARGER * ordered[1].area:
        return None
    return "which thing is largest?", ordered[0].emoji.names


class VqaFiles(PictureFolder):
    """Questions on photographs and ten people's answers, from files in the format of VQA v2.

    Goyal et al., "Making the V in VQA matter" (2017). The references are the distinct answers, the most frequent first.

    Args:
        train_questions: such as v2_OpenEnded_mscoco_train2014_questions.json.
        train_annotations: the answers to them, such as v2_mscoco_train2014_annotations.json.
        eval_questions: such as v2_OpenEnded_mscoco_val2014_questions.json; no picture of the others may be in it.
        eval_annotations: the answers to them.
        images: the folder that the pictures' names start in.
        names: the pictures' names, from {subset}, the questions' data_subtype, and the integer {image_id}.
            ``"{subset}/COCO_{subset}_{image_id:012d}.jpg"`` is how COCO's archives are unpacked.
        **sizes: as of PictureFolder.

    Raises:
        ConfigError: a size below one, or ``names`` holds something else.
    """

    def __init__(
        self,
        train_questions: str,
        train_annotations: str,
        eval_questions: str,
        eval_annotations: str,
        images: str,
        names: str = "COCO_{subset}_{image_id:012d}.jpg",
        **sizes: Any,
    ) -> None:
        super().__init__(images, **sizes)
        try:
            names.format(subset="val2014", image_id=42)
        except (KeyError, IndexError, ValueError) as error:
            raise ConfigError(f"names {names!r} may hold {{subset}} and {{image_id}} only: {error!r}") from error
        self.names = names
        self.files: dict[Split, tuple[Path, Path]] = {
            "train": (user_path(train_questions), user_path(train_annotations)),
            "eval": (user_path(eval_questions), user_path(eval_annotations)),
        }

    def load(self) -> dict[Split, Iterator[Item]]:
        return {split: self._read(*files) for split, files in self.files.items()}

    def _read(self, questions: Path, annotations: Path) -> Iterator[Item]:
        asked = read_annotations(questions)
        subset = field(asked, "data_subtype", str, questions)
        answers = dict(_answers(annotations))
        for number, record in enumerate(field(asked, "questions", list, questions)):
            where = f"question {number} of {questions}"
            key = field(record, "question_id", int, where)
            if key not in answers:
                raise ConfigError(f"{annotations} has no answers to question_id {key} of {questions}")
            name = self.names.format(subset=subset, image_id=field(record, "image_id", int, where))
            yield Item(name, answers[key], field(record, "question", str, where).strip())


def _answers(annotations: Path) -> Iterator[tuple[int, tuple[str, ...]]]:
    for number, record in enumerate(field(read_annotations(annotations), "annotations", list, annotations)):
        where = f"annotation {number} of {annotations}"
        given: list[Any] = field(record, "answers", list, where)
        counts = Counter(field(answer, "answer", str, f"an answer of {where}").strip() for answer in given)
        del counts[""]
        if not counts:
            raise ConfigError(f"{where} has no answer: give it one or leave its question out")
        yield field(record, "question_id", int, where), tuple(answer for answer, _ in counts.most_common())
