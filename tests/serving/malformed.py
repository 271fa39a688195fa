"""Bodies of requests with one thing wrong, by chance: what is sent, and the field that an answer must name."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from random import Random
from typing import Any

from rsoup_lightning.serving.schemas import ChatRequest, CompletionRequest, Strict

EXPERTS = ("first", "second")
LIMIT = 100_000
"""Bytes of a body."""
SCHEMAS: dict[str, type[Strict]] = {"completions": CompletionRequest, "chat/completions": ChatRequest}
Fault = Callable[[dict[str, Any], type[Strict], Random], tuple[bytes, str]]
PLACE = "a place for what JSON cannot say"


def right(path: str, chance: Random) -> dict[str, Any]:
    """A request with nothing wrong."""
    share = chance.random()
    body: dict[str, Any] = {"coefficients": {"first": share, "second": 1 - share}, "max_tokens": chance.randint(1, 4)}
    some = {"temperature": 0.5, "top_p": 0.9, "seed": 3, "stop": ["x"], "n": 2, "user": "me", "stream": False}
    body |= {name: value for name, value in some.items() if chance.random() < 0.3}
    said = chance.choice(["the cat", "a dog sat", "ä 😀"])
    prompt = {"prompt": said} if path == "completions" else {"messages": [{"role": "user", "content": said}]}
    return {**body, **prompt}


def malformed(path: str, chance: Random) -> tuple[str, bytes, str]:
    """What is wrong, the bytes of a body, and the beginning of the field's name."""
    fault = chance.choice(FAULTS)
    return fault.__name__, *fault(deepcopy(right(path, chance)), SCHEMAS[path], chance)


def _sent(body: dict[str, Any], raw: str = "") -> bytes:
    """As JSON; ``raw`` stands where :data:`PLACE` does."""
    return json.dumps(body, ensure_ascii=False).replace(json.dumps(PLACE), raw).encode()


def wrong_type(body: dict[str, Any], schema: type[Strict], chance: Random) -> tuple[bytes, str]:
    text, number, truth, items, names = "5", 5.5, True, [{"a": 1}], {"a": [1]}
    wrong: dict[str, list[Any]] = {
        "model": [number, truth, items, names],
        "coefficients": [text, number, truth, items, {"first": "1"}, {"first": True}, {"first": None}],
        "preference": [text, number, truth, items, {"first": []}],
        "stream": [text, number, 1, items, names],
        "max_tokens": [text, number, truth, items, names],
        "temperature": [text, truth, items, names],
        "top_p": [text, truth, items, names],
        "n": [text, number, truth, items, names],
        "seed": [text, number, truth, items, names],
        "stop": [number, truth, items, names, ["a", 1], ["a", None]],
        "user": [number, truth, items, names],
        "prompt": [number, truth, items, names, [], ["a", 1], [1, True], [1.5], [[]], [[1], "a"], None],
        "messages": [
            text,
            number,
            truth,
            names,
            [],
            [text],
            [{"role": "user"}],
            [{"role": "user", "content": 1}],
            None,
        ],
    }
    field = chance.choice([name for name in wrong if name in schema.model_fields])
    value = chance.choice(wrong[field])
    if field == "preference":
        body.pop("coefficients")
    return _sent({**body, field: value}), field


def out_of_range(body: dict[str, Any], schema: type[Strict], chance: Random) -> tuple[bytes, str]:
    far = 10 ** chance.randint(10, 250)
    wrong = {
        "max_tokens": [0, -1, -far, far],
        "temperature": [-0.1, 2.001, far, -far],
        "top_p": [0, -0.1, 1.001, far],
        "n": [0, -far, 17, far],
        "seed": [-1, 2**32, far],
        "stop": ["", ["a"] * 17, [""]],
    }
    field = chance.choice(list(wrong))
    return _sent({**body, field: chance.choice(wrong[field])}), field


def misspelt(body: dict[str, Any], schema: type[Strict], chance: Random) -> tuple[bytes, str]:
    """A known field with a letter left out, doubled or changed."""
    known = {*schema.model_fields, *schema.neutral}
    while True:
        name = chance.choice(sorted(known))
        place = chance.randrange(len(name))
        name = name[:place] + chance.choice(["", 2 * name[place], "ü", "\x1b", "'"]) + name[place + 1 :]
        if name not in known:
            return _sent({**body, name: 1}), name


def not_offered(body: dict[str, Any], schema: type[Strict], chance: Random) -> tuple[bytes, str]:
    field = chance.choice(sorted(schema.neutral))
    return _sent({**body, field: chance.choice([3, "something", {"a": 1}, ["a"]])}), field


def off_simplex(body: dict[str, Any], schema: type[Strict], chance: Random) -> tuple[bytes, str]:
    share, far = chance.random(), chance.choice([1e-4, 0.5, 10.0, 1e300])
    points = [{"first": share + far, "second": 1 - share}, {"first": 1 + far, "second": -far}, {}, {"first": 0}]
    return _sent({**body, "coefficients": chance.choice(points)}), "coefficients"


def unknown_expert(body: dict[str, Any], schema: type[Strict], chance: Random) -> tuple[bytes, str]:
    name = chance.choice(["frist", "", "third", "First", "\x00", "first ", "é" * 150])
    return _sent({**body, "coefficients": {"first": 0.5, name: 0.5}}), "coefficients"


def two_points(body: dict[str, Any], schema: type[Strict], chance: Random) -> tuple[bytes, str]:
    more = chance.choice([{"preference": {"first": 1}}, {"model": "tuned@1,0"}])
    return _sent({**body, **more}), "coefficients" if "model" in more else "preference"


def no_front(body: dict[str, Any], schema: type[Strict], chance: Random) -> tuple[bytes, str]:
    del body["coefficients"]
    return _sent({**body, "preference": {chance.choice(["first", "kindness"]): 1}}), "preference"


def wrong_model(body: dict[str, Any], schema: type[Strict], chance: Random) -> tuple[bytes, str]:
    del body["coefficients"]
    points = [
        "",
        "1",
        "1,1",
        "a,b",
        "nan,1",
        "first=1,first=0",
        "first=1,0",
        "third=1",
        "first=0.4",
        "1e400,0",
        "=1",
        "1,0,",
    ]
    names = [f"tuned@{point}" for point in points]
    return _sent({**body, "model": chance.choice([*names, "gpt", "", "@1,0", "tuned/", "tuned" * 50])}), "model"


def not_finite(body: dict[str, Any], schema: type[Strict], chance: Random) -> tuple[bytes, str]:
    field = chance.choice(["temperature", "top_p", "seed", "max_tokens", "n", "coefficients.first", "user"])
    raw = chance.choice(["NaN", "Infinity", "-Infinity", "1e999", "-1e400", "9" * 5000])
    if field == "coefficients.first":
        body["coefficients"]["first"] = PLACE
    else:
        body[field] = PLACE
    return _sent(body, raw), field


def too_long(body: dict[str, Any], schema: type[Strict], chance: Random) -> tuple[bytes, str]:
    length = chance.choice([128, 200, 5000])
    if schema is ChatRequest:
        turns = [{"role": "user", "content": "a" * length}]
        return _sent({**body, "messages": turns}), "messages"
    return _sent({**body, "prompt": chance.choice(["a" * length, ["b", "a" * length], [5] * length])}), "prompt"


def too_many(body: dict[str, Any], schema: type[Strict], chance: Random) -> tuple[bytes, str]:
    if schema is ChatRequest:
        return _sent({**body, "n": 1000}), "n"
    body.pop("n", None)
    return _sent({**body, "prompt": ["a"] * chance.choice([17, 5000])}), "prompt"


def no_such_token(body: dict[str, Any], schema: type[Strict], chance: Random) -> tuple[bytes, str]:
    if schema is ChatRequest:
        return _sent({**body, "messages": [5, 6]}), "messages[0]"
    return _sent({**body, "prompt": [5, chance.choice([258, -1, 2**31, 2**63, 10**200])]}), "prompt"


def bad_utf8(body: dict[str, Any], schema: type[Strict], chance: Random) -> tuple[bytes, str]:
    """Bytes that are none, or an escape of half a character."""
    bad = chance.choice(
        [b"\xff", b"\xc3", b"\xe2\x82", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80", b"\\ud83d", b"\\udc00x"]
    )
    where = "the " + PLACE
    if schema is ChatRequest:
        sent = _sent({**body, "messages": [{"role": "user", "content": where}]})
        return sent.replace(PLACE.encode(), bad), "messages[0].content"
    return _sent({**body, "prompt": where}).replace(PLACE.encode(), bad), "prompt"


def given_twice(body: dict[str, Any], schema: type[Strict], chance: Random) -> tuple[bytes, str]:
    field = chance.choice(list(body))
    return _sent(body)[:-1] + b", " + _sent({field: body[field]})[1:], field


def nested(body: dict[str, Any], schema: type[Strict], chance: Random) -> tuple[bytes, str]:
    depth = chance.choice([20, 500, 40_000])
    field = "prompt" if schema is CompletionRequest else "messages"
    begins, ends = chance.choice([("[", "]"), ('{"a":', "}")]) if depth < 40_000 else ("[", "]")
    inner = begins * depth + "1" + ends * depth
    return _sent({**body, field: PLACE}, inner), "body" if depth > 500 else field


def too_large(body: dict[str, Any], schema: type[Strict], chance: Random) -> tuple[bytes, str]:
    return _sent({**body, "user": "a" * (LIMIT + chance.choice([0, 1000, 3 * LIMIT]))}), "body"


def cut(body: dict[str, Any], schema: type[Strict], chance: Random) -> tuple[bytes, str]:
    sent = _sent(body)
    return sent[: chance.randrange(len(sent))], "body"


def noise(body: dict[str, Any], schema: type[Strict], chance: Random) -> tuple[bytes, str]:
    lists = [b"[]", b"null", b"3", b'"prompt"', b"true", b"[" + _sent(body) + b"]", _sent(body) * 2, b"\xef\xbb\xbf{}"]
    return chance.choice([*lists, b"\x00" + chance.randbytes(chance.randint(0, 2000))]), "body"


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
        return _sent({**body, "messages": [message]}), "messages"
    return _sent({**body, "messages": [*body["messages"], message]}), f"messages[1]{field}"


FAULTS: list[Fault] = [
    wrong_type,
    out_of_range,
    misspelt,
    not_offered,
    off_simplex,
    unknown_expert,
    two_points,
    no_front,
    wrong_model,
    not_finite,
    too_long,
    too_many,
    no_such_token,
    bad_utf8,
    given_twice,
    nested,
    too_large,
    cut,
    noise,
    wrong_message,
]
