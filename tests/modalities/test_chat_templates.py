from __future__ import annotations

import pytest

from rsoup_lightning.errors import ConfigError, UnknownNameError
from rsoup_lightning.modalities.chat_templates import check_variables, templated
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


THINKING = (
    "{{ bos_token }}{%- for m in messages %}{% generation %}{{ m.content }}{%- endgeneration %}{% if loop.last %}"
    "{% break %}{% endif %}{% endfor %}{% if add_generation_prompt and enable_thinking is defined %}"
    "{% set mark = '<think>' %}{{ mark if enable_thinking else '</think>' }}{% endif %}"
)


def test_variables_reach_the_template_that_reads_them() -> None:
    thinking = tokenizer()
    thinking.chat_template = THINKING
    assert templated(thinking, SAID, "").endswith("what is a soup ?")
    assert templated(thinking, SAID, "", settings={"enable_thinking": True}).endswith("<think>")
    assert templated(thinking, SAID, "", settings={"enable_thinking": False}).endswith("</think>")
    check_variables(THINKING, ["enable_thinking"])
    check_variables({"default": "{{ messages }}", "thinking": THINKING}, ["enable_thinking"])


@pytest.mark.parametrize("name", ["enable_thinkin", "messages"])
def test_variables_that_a_template_would_ignore_are_refused(name: str) -> None:
    with pytest.raises(
        UnknownNameError,
        match=rf"unknown variable of the chat template '{name}'.*Known: bos_token, enable_thinking, mark$",
    ):
        check_variables(THINKING, [name])


def test_what_is_no_template_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"the chat template cannot be read \(.*\): mend it"):
        check_variables("{% for m in messages %}", ["enable_thinking"])
