from __future__ import annotations

import json

import pytest

from rsoup_lightning.errors import CoefficientError
from rsoup_lightning.serving.engine import BusyError, StoppingError
from rsoup_lightning.serving.errors import RequestError, blaming, refusal


def test_the_form_of_openai() -> None:
    response = refusal(RequestError("too \x1b hot", "temperature", code="hot", headers={"retry-after": "1"}))
    assert response.status_code == 400 and response.headers["retry-after"] == "1"
    assert json.loads(bytes(response.body)) == {
        "error": {"message": "too \\x1b hot", "type": "invalid_request_error", "param": "temperature", "code": "hot"}
    }
    kinds = {status: RequestError("", status=status).body["error"]["type"] for status in (429, 500, 504)}
    assert kinds == {429: "rate_limit_error", 500: "server_error", 504: "server_error"}
    assert len(str(RequestError("x" * 10_000))) < 1000


@pytest.mark.parametrize(
    ("error", "status", "param", "headers"),
    [
        (CoefficientError("λ"), 400, "coefficients", {}),
        (BusyError("full"), 429, None, {"retry-after": "1"}),
        (StoppingError("ends"), 503, None, {"retry-after": "1", "connection": "close"}),
        (RequestError("x", "seed", status=404), 404, "seed", {}),
    ],
)
def test_errors_of_the_library_get_a_status(
    error: Exception, status: int, param: str | None, headers: dict[str, str]
) -> None:
    with pytest.raises(RequestError) as refused, blaming("coefficients"):
        raise error
    assert (refused.value.status, refused.value.param, refused.value.headers) == (status, param, headers)
    with pytest.raises(ZeroDivisionError), blaming("seed"):
        raise ZeroDivisionError
