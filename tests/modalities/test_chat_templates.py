from __future__ import annotations

import pytest

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.chat_templates import templated
from tests.modalities.language.tiny import tokenizer

SAID = [{"role": "user", "content": "what is a soup ?"}]


def test_a_conversation_ends_where_the_answer_begins() -> None:
    chatting = tokenizer()
    chatting.chat_template = (
        "{% for each in messages %}{{ each.role }}: {{ each.content }} {% endfor %}"
        "{% if add_generation_prompt %}answer: {% endif %}"
    )
    assert templated(chatting, SAID, "it fails") == "user: what is a soup ? answer: "


def test_whatever_a_template_raises_is_said_with_its_cure() -> None:
    failing = tokenizer()
    failing.chat_template = "{{ raise_exception('no') }}"
    with pytest.raises(ConfigError, match=r"it fails on that: no \(TemplateError\)\. Mend it"):
        templated(failing, SAID, "it fails on that")
