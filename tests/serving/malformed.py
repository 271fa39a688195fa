"""Bodies of requests with one thing wrong, by chance: what is sent, and the field that an answer must name."""

from __future__ import annotations

from copy import deepcopy
from random import Random
from typing import Any

from rsoup_lightning.serving.schemas import Strict
from tests.serving.malformed_content import OF_CONTENT, Fault
from tests.serving.rightful import LIMIT, PLACE, main_field, right, sent


def malformed(schema: type[Strict], chance: Random) -> tuple[str, bytes, str]:
    """What is wrong, the bytes of a body, and the beginning of the field's name."""
    applicable = [*OF_ALL, *OF_CONTENT.get(schema, [])]
    applicable += [not_offered] if schema.neutral else []
    applicable += [out_of_range] if "seed" in schema.model_fields else []
    fault = chance.choice(applicable)
    return fault.__name__, *fault(deepcopy(right(schema, chance)), schema, chance)


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
        "observations": [text, number, truth, names, [], None],
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
    return sent({**body, field: value}), field


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
    field = chance.choice([name for name in wrong if name in schema.model_fields])
    return sent({**body, field: chance.choice(wrong[field])}), field


def misspelt(body: dict[str, Any], schema: type[Strict], chance: Random) -> tuple[bytes, str]:
    """A known field with a letter left out, doubled or changed."""
    known = {*schema.model_fields, *schema.neutral}
    while True:
        name = chance.choice(sorted(known))
        place = chance.randrange(len(name))
        name = name[:place] + chance.choice(["", 2 * name[place], "ü", "\x1b", "'"]) + name[place + 1 :]
        if name not in known:
            return sent({**body, name: 1}), name


def not_offered(body: dict[str, Any], schema: type[Strict], chance: Random) -> tuple[bytes, str]:
    field = chance.choice(sorted(schema.neutral))
    return sent({**body, field: chance.choice([3, "something", {"a": 1}, ["a"]])}), field


def off_simplex(body: dict[str, Any], schema: type[Strict], chance: Random) -> tuple[bytes, str]:
    share, far = chance.random(), chance.choice([1e-4, 0.5, 10.0, 1e300])
    points = [{"first": share + far, "second": 1 - share}, {"first": 1 + far, "second": -far}, {}, {"first": 0}]
    return sent({**body, "coefficients": chance.choice(points)}), "coefficients"


def unknown_expert(body: dict[str, Any], schema: type[Strict], chance: Random) -> tuple[bytes, str]:
    name = chance.choice(["frist", "", "third", "First", "\x00", "first ", "é" * 150])
    return sent({**body, "coefficients": {"first": 0.5, name: 0.5}}), "coefficients"


def two_points(body: dict[str, Any], schema: type[Strict], chance: Random) -> tuple[bytes, str]:
    more = chance.choice([{"preference": {"first": 1}}, {"model": "tuned@1,0"}])
    return sent({**body, **more}), "coefficients" if "model" in more else "preference"


def no_front(body: dict[str, Any], schema: type[Strict], chance: Random) -> tuple[bytes, str]:
    del body["coefficients"]
    return sent({**body, "preference": {chance.choice(["first", "kindness"]): 1}}), "preference"


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
    return sent({**body, "model": chance.choice([*names, "gpt", "", "@1,0", "tuned/", "tuned" * 50])}), "model"


def not_finite(body: dict[str, Any], schema: type[Strict], chance: Random) -> tuple[bytes, str]:
    numbers = [name for name in ("temperature", "top_p", "seed", "max_tokens", "n") if name in schema.model_fields]
    field = chance.choice([*numbers, "coefficients.first", "user"])
    raw = chance.choice(["NaN", "Infinity", "-Infinity", "1e999", "-1e400", "9" * 5000])
    if field == "coefficients.first":
        body["coefficients"]["first"] = PLACE
    else:
        body[field] = PLACE
    return sent(body, raw), field


def bad_utf8(body: dict[str, Any], schema: type[Strict], chance: Random) -> tuple[bytes, str]:
    """Bytes that are none, or an escape of half a character."""
    bad = chance.choice(
        [b"\xff", b"\xc3", b"\xe2\x82", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80", b"\\ud83d", b"\\udc00x"]
    )
    field = main_field(schema)
    said = [{"role": "user", "content": "the " + PLACE}] if field == "messages" else "the " + PLACE
    return sent({**body, field: said}).replace(PLACE.encode(), bad), field


def given_twice(body: dict[str, Any], schema: type[Strict], chance: Random) -> tuple[bytes, str]:
    field = chance.choice(list(body))
    return sent(body)[:-1] + b", " + sent({field: body[field]})[1:], field


def nested(body: dict[str, Any], schema: type[Strict], chance: Random) -> tuple[bytes, str]:
    depth = chance.choice([20, 500, 40_000])
    field = main_field(schema)
    begins, ends = chance.choice([("[", "]"), ('{"a":', "}")]) if depth < 40_000 else ("[", "]")
    inner = begins * depth + "1" + ends * depth
    return sent({**body, field: PLACE}, inner), "body" if depth > 500 else field


def too_large(body: dict[str, Any], schema: type[Strict], chance: Random) -> tuple[bytes, str]:
    return sent({**body, "user": "a" * (LIMIT + chance.choice([0, 1000, 3 * LIMIT]))}), "body"


def cut(body: dict[str, Any], schema: type[Strict], chance: Random) -> tuple[bytes, str]:
    whole = sent(body)
    return whole[: chance.randrange(len(whole))], "body"


def noise(body: dict[str, Any], schema: type[Strict], chance: Random) -> tuple[bytes, str]:
    lists = [b"[]", b"null", b"3", b'"prompt"', b"true", b"[" + sent(body) + b"]", sent(body) * 2, b"\xef\xbb\xbf{}"]
    return chance.choice([*lists, b"\x00" + chance.randbytes(chance.randint(0, 2000))]), "body"


OF_ALL: list[Fault] = [
    wrong_type,
    misspelt,
    off_simplex,
    unknown_expert,
    two_points,
    no_front,
    wrong_model,
    not_finite,
    bad_utf8,
    given_twice,
    nested,
    too_large,
    cut,
    noise,
]
