from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from rsoup_lightning.errors import ConfigError, PictureError, UnknownNameError
from rsoup_lightning.modalities.data import Item
from rsoup_lightning.modalities.vision_language.coca import following_logits, picture_features
from rsoup_lightning.modalities.vision_language.small import SmallCoCa, _moved
from rsoup_lightning.modalities.vision_language.vocabulary import WordVocabulary
from tests.modalities.vision_language.tiny import COLOURS, Given, Squares, small


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RSOUP_CACHE", str(tmp_path))
    return tmp_path / "coca"


def test_it_is_trained_once_for_the_same_settings_and_data(own_cache: Path) -> None:
    first, again = small().load(Squares()), small().load(Squares())
    assert len(list(own_cache.iterdir())) == 1
    for name, tensor in first.model.state_dict().items():
        assert torch.equal(tensor, again.model.state_dict()[name])
    small(steps=4).load(Squares())
    small(width=64).load(Squares())
    small().load(Squares(asked=False))
    small().load(Squares(frame="pink"))  # the same names and answers, other pictures
    assert len(list(own_cache.iterdir())) == 5


def test_the_same_seed_gives_the_same_weights(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(5)
    first = small().load(Squares())
    drawn = torch.rand(3)
    torch.manual_seed(5)
    small().load(Squares())
    assert torch.equal(torch.rand(3), drawn)  # what comes after does not depend on whether it was trained here
    monkeypatch.setenv("RSOUP_CACHE", str(own_cache / "other"))
    torch.manual_seed(6)
    again = small().load(Squares())
    for name, tensor in first.model.state_dict().items():
        assert torch.equal(tensor, again.model.state_dict()[name]), name


def test_it_learns_to_say_what_it_sees() -> None:
    data = Squares()

    def loss(steps: int) -> float:
        loaded = small(steps).load(data)
        losses = []
        for item in data.items("eval"):
            row = [*loaded.vocabulary.prompt(item.question), *loaded.vocabulary.encode(item.references[0])]
            with torch.no_grad():
                seen = picture_features(loaded.model, loaded.preprocess(data.picture(item.picture))[None])
                logits = following_logits(loaded.model, seen, torch.tensor([row[:-1]]))[0]
            losses.append(F.cross_entropy(logits[-3:], torch.tensor(row[-3:])).item())
        return sum(losses) / len(losses)

    assert loss(25) < 0.6 * loss(1)


def test_waves_tell_places_without_being_learnt(own_cache: Path) -> None:
    untrained, trained = (small(steps=steps, positions="waves").load(Squares()).model for steps in (1, 3))
    places = trained.visual.positional_embedding
    assert torch.equal(places, untrained.visual.positional_embedding)
    assert len(places.unique(dim=0)) == len(places)  # the class token's among them
    learnt = (small(steps=steps).load(Squares()).model.visual.positional_embedding for steps in (1, 3))
    assert not torch.equal(*learnt)


def test_rows_to_learn() -> None:
    vocabulary = WordVocabulary(["what", "red"])
    tokens, targets = small()._row(vocabulary, "what?", "red red")
    assert tokens == [1, 4, 1, 5, 5, 2, 0, 0, 0, 0]
    assert targets == [0, 0, 5, 5, 2, 0, 0, 0, 0, 0]
    assert small(context=5)._row(vocabulary, "what?", "red red") == ([1, 4, 1, 5, 5], [0, 0, 5, 5, 2])
    with pytest.raises(ConfigError, match=r"'what\?' and 'red red' have 6 tokens: set context"):
        small(context=4)._row(vocabulary, "what?", "red red")


def test_pictures_are_brought_to_size_around_zero() -> None:
    pixels = small().preprocess(Image.new("RGB", (7, 30), (255, 0, 127)))
    assert pixels.shape == (3, 16, 16)
    assert torch.allclose(pixels.mean((1, 2)), torch.tensor([2.0, -2.0, -0.0078]), atol=1e-3)


def test_moved_pictures_are_what_they_were_elsewhere() -> None:
    torch.manual_seed(0)
    pixels = torch.arange(2 * 3 * 36, dtype=torch.uint8).view(2, 3, 6, 6)
    assert _moved(pixels, 0) is pixels
    shifts = set()
    for _ in range(40):
        moved = _moved(pixels, 1)
        for one, other in zip(pixels.float(), moved, strict=True):
            fits = [
                (down, right)
                for down in (-1, 0, 1)
                for right in (-1, 0, 1)
                if torch.equal(one[:, 1 + down : 5 + down, 1 + right : 5 + right], other[:, 1:5, 1:5])
            ]
            assert len(fits) == 1
            shifts.add(fits[0])
    assert len(shifts) == 9


@pytest.mark.parametrize("changes", [{"width": 40}, {"patch_size": 5}])
def test_sizes_that_do_not_fit(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="must be a multiple of 32, and image_size 16 of patch_size"):
        small(**changes)


def test_samples_without_reference_teach_nothing(own_cache: Path) -> None:
    loaded = small().load(Squares(asked=False, wordless=["red"]))
    assert isinstance(loaded.vocabulary, WordVocabulary)
    assert "red" not in loaded.vocabulary.words and "green" in loaded.vocabulary.words
    with pytest.raises(ConfigError, match="Squares has no picture with references to pre-train on"):
        small().load(Squares(wordless=COLOURS))
    assert len(list(own_cache.iterdir())) == 1


def test_pictures_that_cannot_be_read(own_cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    data = Squares(absent=["red"])
    with pytest.raises(PictureError, match="train/red cannot be read: it is damaged; set bad_pictures to skip"):
        small().load(data)
    assert not list(own_cache.iterdir())
    small().load(data, "skip")
    assert "train/red cannot be read: it is damaged: left out" in caplog.text


def test_a_split_with_other_words() -> None:
    class Mixed(Given):
        def items(self, split: str) -> list[Item]:  # type: ignore[override]
            return [Item("grey", ("a dog" if split == "train" else "ein Hund",))]

    with pytest.raises(ConfigError, match=r"answers to 1 of 1 items hold words .* such as ein, hund: its words are"):
        small().load(Mixed())


def test_data_without_items_for_training() -> None:
    with pytest.raises(ConfigError, match="Given has nothing in its train split"):
        small().load(Given())


def test_a_style_that_the_data_does_not_have() -> None:
    data = Given([Item("grey", ("grey", "a wall"), styles=("colour", "name"))])
    with pytest.raises(UnknownNameError, match="unknown style of Given 'color': did you mean 'colour'"):
        small(styles={"name": 2, "color": 2}).load(data)
    small(styles={"name": 2, "colour": 2}).load(data)


def test_a_style_is_read_as_often_as_the_recipe_says() -> None:
    item = Item("one", ("red", "a square", "a red square"), styles=("colour", "shape", "both"))
    read = SmallCoCa(styles={"colour": 3, "both": 2})._read
    assert [*read(item)] == ["red"] * 3 + ["a square"] + ["a red square"] * 2
    assert [*read(Item("two", ("blue", "a car")))] == ["blue", "a car"]
    with pytest.raises(ConfigError, match="shape is 0"):
        SmallCoCa(styles={"shape": 0})
