from __future__ import annotations

import pytest

from rsoup_lightning.serving.bodies import DEEPEST, parse_body
from rsoup_lightning.serving.errors import RequestError


def test_json_is_read_as_it_is() -> None:
    assert parse_body('{"a": [1, 2.5, null, true, "\\u00e4ö"], "b": {"c": -1e-3}}'.encode()) == {
        "a": [1, 2.5, None, True, "äö"],
        "b": {"c": -1e-3},
    }
    assert parse_body(b'{"a": "\\ud83d\\ude00"}') == {"a": "😀"}
    nested = b"[" * (DEEPEST - 2) + b"]" * (DEEPEST - 2)
    assert parse_body(b'{"a": %s}' % nested)


@pytest.mark.parametrize(
    ("raw", "param", "reason"),
    [
        (b"", "body", "not JSON"),
        (b"{", "body", "not JSON"),
        (b"\xff\xfe{", "body", "not JSON"),
        (b"[1]", "body", r"must be a JSON object, not \[1\]"),
        (b"NaN", "body", "must be a JSON object"),
        (b'{"a": "x\xff"}', "a", "a is not UTF-8"),
        (b'{"a": ["", {"b": "\\ud800"}]}', "a[1].b", "half a surrogate pair"),
        (b'{"a\xff": 1}', "body", "whose name is no name"),
        (b'{"%s": 1}' % (b"a" * 300), "body", "whose name is no name"),
        (b'{"a": {"b": NaN}}', "a.b", "finite"),
        (b'{"a": -Infinity}', "a", "finite"),
        (b'{"a": 1e999}', "a", "finite"),
        (b'{"a": %s}' % (b"9" * 5000), "a", "finite"),
        (b'{"a": 1, "b": 2, "a": 3}', "a", "a is given twice"),
        (b'{"a": %s%s}' % (b"[" * DEEPEST, b"]" * DEEPEST), "a" + "[0]" * (DEEPEST - 1), "nested more than"),
        (b'{"a":' * 100_000, "body", "nested"),
    ],
)
def test_what_is_no_body_is_refused(raw: bytes, param: str, reason: str) -> None:
    with pytest.raises(RequestError, match=reason) as refused:
        parse_body(raw)
    assert refused.value.param == param and refused.value.status == 400
    assert len(str(refused.value)) < 700
