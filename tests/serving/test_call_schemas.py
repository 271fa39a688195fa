"""Pictures in requests: of which formats, in which parts of a message."""

from __future__ import annotations

import json
from typing import Any

import pytest
from PIL import Image

from rsoup_lightning.serving.call_schemas import ActRequest, DescribeRequest
from rsoup_lightning.serving.errors import RequestError
from rsoup_lightning.serving.schemas import read_fields
from tests.serving.test_call_routes import uri

RED = Image.new("RGBA", (6, 4), "red")


def read(parts: Any, **fields: Any) -> DescribeRequest:
    body = {"messages": [{"role": "user", "content": parts}], **fields}
    return read_fields(DescribeRequest, json.dumps(body).encode())


def picture(url: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}}


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP"])
def test_formats(kind: str) -> None:
    given, question = read([picture(uri(RED.convert("RGB"), kind))]).messages[0].content
    red, green, blue = given.getpixel((1, 1))
    assert given.mode == "RGB" and given.size == (6, 4) and question == ""
    assert red > 240 and green < 15 and blue < 15


def test_the_text_may_come_first_and_a_picture_may_see_through() -> None:
    parts = [{"type": "text", "text": "what?"}, picture(uri(RED))]
    given, question = read(parts, temperature=0).messages[0].content
    assert (given.mode, question) == ("RGB", "what?")


def test_what_is_transparent_is_white() -> None:
    given, _ = read([picture(uri(Image.new("RGBA", (6, 4), (0, 0, 0, 0))))]).messages[0].content
    assert given.getpixel((1, 1)) == (255, 255, 255)


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ([picture(uri(RED)), picture(uri(RED))], "must have one picture and one text at most"),
        ([picture(uri(RED)), {"type": "audio", "audio": {}}], "must have one picture"),
        ([{"type": "image_url", "image_url": uri(RED)}], "a part of the wrong form"),
        ([picture(uri(RED)), {"type": "text", "text": 3}], "a part of the wrong form"),
        ([picture(uri(RED)) | {"more": 1}], "must have one picture"),
        ([{"type": "image_url", "image_url": {"url": uri(RED), "detail": "high"}}], "more than a url"),
        ([picture("data:image/png;base64,")], "cannot be read"),
        ([picture("data:image/png," + "aa")], "no data URI"),
        ([picture(uri(Image.new("RGB", (50, 50)))[:-80])], "(cannot be read|not base64)"),
        ([picture(uri(RED, "TIFF"))], "cannot be read as one of"),
    ],
)
def test_parts_that_are_refused(parts: Any, reason: str) -> None:
    with pytest.raises(RequestError, match=reason) as error:
        read(parts)
    assert error.value.param == "messages[0].content"


def test_lambda_for_each_row() -> None:
    body = {"observations": [[1.0], [2.0]], "coefficients": [{"a": 1.0}, {"a": 0.5, "b": 0.5}]}
    assert read_fields(ActRequest, json.dumps(body).encode()).coefficients == body["coefficients"]
    for wrong in ([1.0], 5, "a", {"a": "1"}, [{"a": True}]):
        with pytest.raises(RequestError, match="must be λ, a weight for each expert, or a list") as error:
            read_fields(ActRequest, json.dumps(body | {"coefficients": wrong}).encode())
        assert error.value.param == "coefficients"
