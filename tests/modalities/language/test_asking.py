"""Prompts as the policy reads them: by templates, chat templates, and tokenizers that add tokens of their own."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tokenizers.processors import TemplateProcessing

from rsoup_lightning.errors import ConfigError, UnknownNameError
from rsoup_lightning.modalities.data import Entry
from rsoup_lightning.modalities.language.asking import Asking
from rsoup_lightning.modalities.language.environment import TextEnvironment
from tests.modalities.language.test_policy import policy
from tests.modalities.language.tiny import Sentences, tokenizer

TURNS = "{% for m in messages %}<user>{{ m.content }}{% endfor %}"
OPENED = "{% if add_generation_prompt %}<model>{% endif %}"


def framing(**changes: Any) -> Any:
    """A tokenizer that adds a start token before texts, and an end token after them."""
    words = tokenizer()
    words.add_special_tokens({"bos_token": "<start>"})
    frame = [("<start>", words.bos_token_id), ("<end>", words.eos_token_id)]
    words.backend_tokenizer.post_processor = TemplateProcessing("<start> $A <end>", None, frame)
    for name, value in changes.items():
        setattr(words, name, value)
    return words


def read(words: Any, template: str | None = None, prompt: str = "ask") -> str:
    """The tokens of a prompt, written out."""
    prompts = Asking(words, template, [1]).prompts([Entry(prompt)])
    assert prompts.mask.all()
    return str(words.decode(prompts.tokens[0]))


def test_prompts_have_one_start_token_and_no_end_token() -> None:
    words = framing()
    assert words.decode(words("ask")["input_ids"]) == "<start>ask<end>"
    assert read(words) == "<start>ask"
    assert read(words, "Q: {prompt}\nA:") == "<start>Q: ask\nA:"
    assert read(words, "<start>Q: {prompt}<end>") == "<start>Q: ask<end>"  # as it is written
    assert read(framing(chat_template="{{ bos_token }}" + TURNS + OPENED)) == "<start><user>ask<model>"
    assert read(framing(chat_template=TURNS + OPENED)) == "<user>ask<model>"
    assert read(tokenizer(), "<start>{prompt}") == "<start>ask"


def test_prompts_are_padded_on_the_left() -> None:
    prompts = Asking(tokenizer(), None).prompts([Entry("ask"), Entry("ask more")])
    assert prompts.mask.tolist() == [[False] * 5 + [True] * 3, [True] * 8]
    assert tokenizer().decode(prompts.tokens[0][prompts.mask[0]]) == "ask"


def test_a_template_without_prompt() -> None:
    with pytest.raises(ConfigError, match=r"the template 'Q: \{question\}' has no \{prompt\}"):
        TextEnvironment(Sentences(), tokenizer(), template="Q: {question}")


@pytest.mark.parametrize(
    ("chat_template", "message"),
    [
        ("{{ raise_exception('a system message is needed') }}", "fails .*'one': a system message is needed"),
        ("{% for m in messages %}", "fails .*: Unexpected end of template.* Mend it, or set template"),
        ("{{ messages[0].content.parts[0].text }}", r"fails .* \(UndefinedError\)"),
        ({"tool_use": TURNS}, "fails on a message of the user"),
        ("<user>say something<model>", "leaves out what the user says"),
        (TURNS + "<end>", r"ends prompts with the end token '<end>'.* set template to '\{prompt\}<end>'"),
        (TURNS + "<end>\n", "ends prompts with the end token '<end>' and opens no answer"),
        (TURNS + "<turn_end>", "ends prompts with the end token '<turn_end>'"),
    ],
)
def test_chat_templates_that_cannot_be_used(chat_template: Any, message: str) -> None:
    words = tokenizer()
    words.add_special_tokens({"additional_special_tokens": ["<turn_end>"]})
    words.chat_template = chat_template
    with pytest.raises(ConfigError, match=message):
        Asking(words, None, ends=[1, words.convert_tokens_to_ids("<turn_end>")])
    assert read(words, "{prompt}") == "ask"


def test_a_padding_token_without_embedding_is_never_looked_up() -> None:
    def rollout(words: Any) -> torch.Tensor:
        place = TextEnvironment(Sentences(), words, batch_size=4, max_new_tokens=6, vocabulary=258)
        place.begin(0)
        torch.manual_seed(0)
        return place.rollout(policy(), 0, completions=2).log_probs

    words = tokenizer()
    words.add_special_tokens({"pad_token": "<filler>"})
    assert words.pad_token_id == 258
    none = tokenizer()
    none.pad_token = None
    assert torch.equal(rollout(words), rollout(tokenizer())) and torch.equal(rollout(none), rollout(tokenizer()))
    with pytest.raises(ConfigError, match=r"writes '<filler>' as 258, and the model has embeddings for 0 to 257 only"):
        Asking(words, None, [1], 258).prompts([Entry("ask<filler>")])


def test_variables_of_the_chat_template() -> None:
    words = framing(chat_template=TURNS + OPENED + "{% if calm %}calmly{% endif %}")
    asked = {value: Asking(words, None, [1], None, {"calm": value}).written(Entry("ask")) for value in (True, False)}
    assert asked == {True: "<user>ask<model>calmly", False: "<user>ask<model>"}
    with pytest.raises(UnknownNameError, match=r"variable of the chat template 'clam': did you mean 'calm'\?"):
        TextEnvironment(Sentences(), words, chat_template_kwargs={"clam": True})
    with pytest.raises(ConfigError, match="chat_template_kwargs are for a chat template, and template is used instead"):
        Asking(words, "{prompt}", [1], None, {"calm": True})
    with pytest.raises(ConfigError, match="chat_template_kwargs are for a chat template, and the tokenizer has none"):
        Asking(framing(), None, [1], None, {"calm": True})
