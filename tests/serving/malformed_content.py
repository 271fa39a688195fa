"""Wrong prompts, messages, observations and pictures: what is sent, and the field that an answer must name."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from rsoup_lightning.serving.call_schemas import ActRequest, DescribeRequest
from rsoup_lightning.serving.schemas import ChatRequest, CompletionRequest, Strict
from tests.serving.rightful import PICTURE, SEEN, sent

Fault = Callable[[dict[str, Any], type[Strict], Random], tuple[bytes, str]]


def too_long(body: dict[str, Any], schema: type[Strict], chance: Random) -> tuple[bytes, str]:
    length = chance.choice([128, 200, 5000])
    if schema is ChatRequest:
        turns = [{"role": "user", "content": "a" * length}]
        return sent({**body, "messages": turns}), "messages"
    return sent({**body, "prompt": chance.choice(["a" * length, ["b", "a" * length], [5] * length])}), "prompt"


def too_many(body: dict[str, Any], schema: type[Strict], chance: Random) -> tuple[bytes, str]:
    if schema is ChatRequest:
        return sent({**body, "n": 1000}), "n"
    body.pop("n", None)
    return sent({**body, "prompt": ["a"] * chance.choice([17, 5000])}), "prompt"


def no_such_token(body: dict[str, Any], schema: type[Strict], chance: Random) -> tuple[bytes, str]:
    if schema is ChatRequest:
        return sent({**body, "messages": [5, 6]}), "messages[0]"
    return sent({**body, "prompt": [5, chance.choice([258, -1, 2**31, 2**63, 10**200])]}), "prompt"


def wrong_message(body: dict[str, Any], schema: type[Strict], chance: Random) -> tuple[bytes, str]:
    picture = {"type": "image_url", "image_url": {"url": "x"}}
    wrong: list[tuple[Any, str]] = [
        ({"role": "tool", "content": "x"}, ".role"),
        ({"role": "usr", "content": "x"}, ".role"),
        ({"role": ["user"], "content": "x"}, ".role"),
        ({"content": "x"}, ".role"),
        ({"role": "user", "content": None}, ".content"),
        ({"role": "user", "content": [picture]}, ".content"),
        ({"role": "user", "content": [{"type": "text", "text": None}]}, ".content"),
        ({"role": "user", "content": "x", "naem": "y"}, ".naem"),
        ({"role": "user", "content": "x", "name": "y"}, ".name"),
        ("x", ""),
        (None, ""),
    ]
    message, field = chance.choice(wrong)
    if schema is CompletionRequest:
        return sent({**body, "messages": [message]}), "messages"
    return sent({**body, "messages": [*body["messages"], message]}), f"messages[1]{field}"


def wrong_observations(body: dict[str, Any], schema: type[Strict], chance: Random) -> tuple[bytes, str]:
    row = SEEN[0]
    wrong = [
        row,
        [row[:16]],
        [row, row[:16]],
        [["a"] * 17],
        [[row]],
        [[None] * 17],
        [row] * 9,
        [row, 1],
        [[*row[:16], "1"]],
    ]
    return sent({**body, "observations": chance.choice(wrong)}), "observations"


def points_for_others(body: dict[str, Any], schema: type[Strict], chance: Random) -> tuple[bytes, str]:
    point = {"first": 1}
    wrong = [
        [],
        [point],
        [point] * 3,
        [point, {"first": 0.5}],
        [point, {"third": 1}],
        [point, None],
        [point, {"first": "1"}],
    ]
    return sent({**body, "coefficients": chance.choice(wrong)}), "coefficients"


def wrong_picture(body: dict[str, Any], schema: type[Strict], chance: Random) -> tuple[bytes, str]:
    head, _, data = PICTURE.partition(",")
    urls = [
        "",
        "x",
        "https://example.org/a.png",
        "file:///etc/passwd",
        head,
        f"{head},",
        f"{head},!!!",
        f"{head},{data[:40]}",
    ]
    parts = [
        {"type": "image_url", "image_url": {"url": url}} for url in [*urls, f"data:text/html;base64,{data}", 3, None]
    ]
    right, text = {"type": "image_url", "image_url": {"url": PICTURE}}, {"type": "text", "text": "x"}
    contents: list[Any] = [[part] for part in parts]
    contents += [
        [right, right],
        [text],
        [],
        "x",
        [right, text, text],
        [{**right, "x": 1}],
        [{"type": "image_url"}],
        [None],
    ]
    return sent({**body, "messages": [{"role": "user", "content": chance.choice(contents)}]}), "messages[0].content"


OF_CONTENT: dict[type[Strict], list[Fault]] = {
    CompletionRequest: [too_long, too_many, no_such_token],
    ChatRequest: [too_long, too_many, wrong_message],
    ActRequest: [wrong_observations, points_for_others],
    DescribeRequest: [wrong_picture],
}
