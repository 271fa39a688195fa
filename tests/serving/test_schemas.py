from __future__ import annotations

import json
from typing import Any

import pytest

from rsoup_lightning.serving.errors import RequestError
from rsoup_lightning.serving.schemas import ChatRequest, CompletionRequest, Strict, read_fields
from tests.serving.parrot import asking

SCHEMAS: dict[type[Strict], dict[str, Any]] = {CompletionRequest: {"prompt": "hello"}, ChatRequest: asking()}


def refused(schema: type[Strict], **fields: Any) -> RequestError:
    """What is said to a request that is right but for these fields."""
    with pytest.raises(RequestError) as caught:
        read_fields(schema, json.dumps({**SCHEMAS[schema], **fields}).encode())
    return caught.value


def test_prompts_of_all_kinds() -> None:
    for given, wanted in (
        ("a", ["a"]),
        (["a", "b"], ["a", "b"]),
        ([1, 2], [[1, 2]]),
        ([[1], [2, 3]], [[1], [2, 3]]),
    ):
        assert read_fields(CompletionRequest, json.dumps({"prompt": given}).encode()).prompt == wanted


def test_stop_is_a_text_or_several_and_content_may_come_in_parts() -> None:
    assert read_fields(CompletionRequest, b'{"prompt": "a", "stop": "x"}').stop == ["x"]
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    asked = read_fields(ChatRequest, json.dumps({"messages": [{"role": "developer", "content": parts}]}).encode())
    assert asked.messages[0].turn == {"role": "system", "content": "ab"}


@pytest.mark.parametrize("schema", SCHEMAS)
def test_nothing_is_taken_for_something_else(schema: type[Strict]) -> None:
    """No text or truth for a number, and the other way round; no number beyond what it means."""
    wrong: dict[str, list[Any]] = {
        "model": [1, ["tuned"]],
        "coefficients": [[0.5, 0.5], "kind=1", {"kind": "1"}, {"kind": True}],
        "preference": [0.5],
        "stream": [1, "true"],
        "stream_options": [True, {"include_usage": 1}, {"include_usag": True}],
        "max_tokens": [0, -1, 1.5, True, "5"],
        "temperature": [-0.1, 2.1, "1", True, [1]],
        "top_p": [0, 1.1, False],
        "n": [0, 1.0, True],
        "seed": [-1, 2**32, "1", 1.5],
        "stop": [1, [1], [""], "", ["x"] * 17],
        "user": [1],
        "logprobs": [-1, 6, "yes"],
    }
    for field, values in wrong.items():
        for value in values:
            param = refused(schema, **{"stream": True, field: value}).param
            assert param is not None and param.startswith(field)
    if schema is CompletionRequest:
        for value in (1, [], ["a", 1], [[]], [[1], []], [1.5], [True], [-1], {"a": 1}):
            assert refused(schema, prompt=value).param == "prompt"


@pytest.mark.parametrize("schema", SCHEMAS)
def test_fields_of_openai_that_are_not_offered(schema: type[Strict]) -> None:
    """Refused by name, unless they are null or change nothing."""
    for field, neutral in schema.neutral.items():
        for value in (None, *neutral):
            read_fields(schema, json.dumps({**SCHEMAS[schema], field: value}).encode())
        assert str(refused(schema, **{field: "something else"})) == f"{field} is not offered here: leave it out"
    assert refused(schema, frequency_penalty=False).param == "frequency_penalty"


@pytest.mark.parametrize(
    ("fields", "param", "reason"),
    [
        ({"temprature": 1}, "temprature", "unknown field 'temprature': did you mean 'temperature'"),
        ({"messages": []}, "messages", "at least 1 item"),
        ({"messages": [{"role": "user"}]}, "messages[0].content", "messages[0].content is missing"),
        ({"messages": [{"role": "usr", "content": ""}]}, "messages[0].role", "'user'"),
        ({"messages": [{"role": "user", "contnt": ""}]}, "messages[0].contnt", "did you mean 'content'"),
        ({"messages": ["hello"]}, "messages[0]", "messages[0] should be"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages[0].content", "text only"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": 1}]}]}, "messages[0].content", "no text"),
        ({"messages": [{"role": "user", "content": "", "name": "x"}]}, "messages[0].name", "not offered"),
        ({"messages": None}, "messages", "messages is missing"),
        ({"stream_options": {"include_usage": True}}, "stream_options", "set stream to true"),
        ({"top_logprobs": 2}, "top_logprobs", "needs logprobs"),
        ({"stop": ["x"] * 17}, "stop", "stop should have at most 16 items, not ["),
        ({"user": "x" * 1001}, "user", "at most 1000 characters"),
        ({"model": "tuned@" + " " * 1000 + "1,0"}, "model", "at most 1000 characters"),
        ({"max_tokens": 2, "max_completion_tokens": 2}, "max_tokens", "by its old name"),
        ({"logprobs": True, "top_logprobs": 21}, "top_logprobs", "less than or equal to 20, not 21"),
    ],
)
def test_what_is_wrong_is_named(fields: dict[str, Any], param: str, reason: str) -> None:
    error = refused(ChatRequest, **fields)
    assert error.param == param and reason in str(error) and error.status == 400


def test_null_is_a_field_that_is_left_out() -> None:
    empty = dict.fromkeys(set(ChatRequest.model_fields) - {"messages"})
    assert read_fields(ChatRequest, json.dumps(asking(**empty)).encode()) == read_fields(
        ChatRequest, json.dumps(asking()).encode()
    )
