"""How vision-language chat models are asked, by the real processors."""

from __future__ import annotations

from inspect import signature
from pathlib import Path

import pytest
import torch
from PIL import Image

from rsoup_lightning.errors import ConfigError, UnknownNameError
from rsoup_lightning.modalities.vision_language.chat import ChatModel, ChatVocabulary
from tests.modalities.language.tiny import saved
from tests.modalities.vision_language.chatting import CHATS, saved_chat


@pytest.mark.parametrize("name", CHATS)
@pytest.mark.parametrize("size", [(64, 32), (16, 48), (16, 16)])
def test_a_prompt_with_its_picture_is_what_the_processor_writes(
    name: str, size: tuple[int, int], tmp_path: Path
) -> None:
    reader, picture = ChatModel(saved_chat(name, tmp_path), precision="float32").load(), Image.new("RGB", size, "red")
    seen, words = reader.look(picture), reader.vocabulary
    for question in ("what is it?", "which one of them?"):
        prompt = words.prompt(question)
        filled = prompt[: words.place] + seen.tokens.tolist() + prompt[words.place + words.gap :]
        given = words.processed(question, picture)
        assert filled == given["input_ids"][0].tolist()
        assert filled.count(words.feature) == len(seen.features)


@pytest.mark.parametrize("name", CHATS)
def test_what_is_seen_does_not_depend_on_the_precision_around_it(name: str, tmp_path: Path) -> None:
    reader, picture = ChatModel(saved_chat(name, tmp_path), precision="float32").load(), Image.new("RGB", (64, 32))
    with torch.autocast("cpu", torch.bfloat16):
        mixed = reader.look(picture)
    assert torch.equal(mixed.features, reader.look(picture).features)


def test_transparent_pictures_are_seen_on_white(tmp_path: Path) -> None:
    reader = ChatModel(saved_chat("SmolVLM", tmp_path), precision="float32").load()
    clear, white = Image.new("RGBA", (32, 32), (0, 0, 0, 0)), Image.new("RGB", (32, 32), "white")
    assert torch.equal(reader.look(clear).features, reader.look(white).features)


def test_what_is_asked_where_nothing_is(tmp_path: Path) -> None:
    place = saved_chat("SmolVLM", tmp_path)
    words = ChatModel(place, instruction="Say it.", precision="float32").load().vocabulary
    assert words.prompt(" ") == words.prompt("Say it.") != words.prompt("Name it.")
    assert words.decode(words.encode(" a cat\n")) == "a cat"


def test_a_question_with_the_token_of_pictures(tmp_path: Path) -> None:
    words = ChatModel(saved_chat("SmolVLM", tmp_path), precision="float32").load().vocabulary
    with pytest.raises(ConfigError, match="holds the token that stands for a picture"):
        words.prompt("what is <image>?")


@pytest.mark.parametrize(
    ("template", "message"),
    [
        (None, "the processor has no chat template"),
        ("{{ nobody.said }}{{ raise_exception('no') }}", "the processor's chat template fails on a picture"),
        (
            "{% for part in messages[0].content | reverse %}"
            "{% if part.type == 'image' %}<image>{% else %}{{ part.text }}{% endif %}{% endfor %}",
            "puts the question before the picture",
        ),
    ],
)
def test_templates_that_cannot_be_asked(template: str | None, message: str) -> None:
    model, processor = CHATS["SmolVLM"]()
    processor.chat_template = template
    with pytest.raises(ConfigError, match=message):
        ChatVocabulary(processor, model, "Say it.")


def test_other_models_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"holds no vision-language chat model that can be loaded"):
        ChatModel(saved(tmp_path)).load()


def test_a_tower_that_hands_on_more_than_features(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = ChatModel(saved_chat("SmolVLM", tmp_path), precision="float32").load()
    look = type(reader.model).get_image_features

    def more(self: object, *given: object, **named: object) -> object:
        output = look(self, *given, **named)
        output["deepstack_features"] = [torch.zeros(1)]
        return output

    more.__signature__ = signature(look)  # type: ignore[attr-defined]
    monkeypatch.setattr(type(reader.model), "get_image_features", more)
    with pytest.raises(ConfigError, match="hands on deepstack_features of a picture beside its features"):
        reader.look(Image.new("RGB", (32, 32)))


def test_variables_of_the_chat_template(tmp_path: Path) -> None:
    model, processor = CHATS["SmolVLM"]()
    processor.chat_template += "{% if calm %}calmly{% endif %}"
    model.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    calm, plain = (
        ChatModel(str(tmp_path), precision="float32", chat_template_kwargs=settings).load().vocabulary
        for settings in ({"calm": True}, None)
    )
    assert calm.written("who?") == plain.written("who?") + "calmly"
    with pytest.raises(UnknownNameError, match="variable of the chat template 'clam'"):
        ChatVocabulary(processor, model, "Say it.", {"clam": True})
