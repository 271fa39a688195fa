"""The JSON in the body of a request, read within limits and without guessing."""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import Any

from starlette.requests import ClientDisconnect, Request

from rsoup_lightning.serving.errors import ClientGoneError, RequestError

DEEPEST = 16  # objects and lists within each other
LONGEST_NAME = 200  # characters of a field's name
LONGEST_NUMBER = 300  # digits: a float has no more


async def read_body(request: Request, limit: int) -> bytes:
    """What a request sends, which must say that it is JSON.

    Args:
        request: of any kind.
        limit: bytes that it may have, whether it says so beforehand or sends chunks.

    Raises:
        RequestError: 415 for another content type, 413 for too much.
        ClientGoneError: the client went away.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        cure = "with curl: -H 'Content-Type: application/json'"
        raise RequestError(f"the body must be JSON, and the content type say so; {cure}", "content-type", status=415)
    raw = bytearray()
    try:
        async for chunk in request.stream():
            raw += chunk
            if len(raw) > limit:
                raise RequestError(
                    f"the body has more than {limit} bytes",
                    "body",
                    status=413,
                    code="body_too_large",
                    headers={"connection": "close"},  # the rest of it is not read
                )
    except ClientDisconnect as error:
        raise ClientGoneError from error
    return bytes(raw)


def parse_body(raw: bytes) -> dict[str, Any]:
    """A JSON object in which every text is Unicode, every number finite and every name there once.

    Raises:
        RequestError: it is something else; names the field where there is one.
    """
    try:
        # Bytes that are not UTF-8 pass as surrogates, and are found with the field that holds them.
        body = json.loads(
            raw.decode("utf-8", "surrogateescape"), parse_int=_integer, object_pairs_hook=_without_repetition
        )
    except json.JSONDecodeError as error:
        raise RequestError(f"the body is not JSON: {error}", "body", code="invalid_json") from error
    except RecursionError as error:
        raise RequestError(f"the body is nested more than {DEEPEST} deep", "body") from error
    if not isinstance(body, dict):
        raise RequestError(f"the body must be a JSON object, not {body!r:.60}", "body")
    _check(body, "", DEEPEST)
    return body


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= LONGEST_NUMBER else math.inf


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        (name, _), *_ = Counter(name for name, _ in pairs).most_common(1)
        raise RequestError(f"{name:.60} is given twice", name[:LONGEST_NAME])
    return made


def _check(value: Any, path: str, depth: int) -> None:
    if depth == 0:
        raise RequestError(f"{path} is nested more than {DEEPEST} deep", path)
    if isinstance(value, str) and not _is_unicode(value):
        raise RequestError(f"{path} is not UTF-8, or has half a surrogate pair", path)
    if isinstance(value, float) and not math.isfinite(value):
        raise RequestError(f"{path} must be a finite number", path)
    if isinstance(value, list):
        for number, item in enumerate(value):
            if not isinstance(item, int):  # of which there may be very many: tokens
                _check(item, f"{path}[{number}]", depth - 1)
    if isinstance(value, dict):
        for name, item in value.items():
            if len(name) > LONGEST_NAME or not _is_unicode(name):
                raise RequestError(
                    f"{path or 'the body'} has a field whose name is no name: {name!r:.60}", path or "body"
                )
            _check(item, f"{path}.{name}" if path else name, depth - 1)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
