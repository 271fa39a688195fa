"""What is refused over HTTP: a status, a message and the field at fault, in the form of OpenAI's errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from starlette.responses import JSONResponse

from rsoup_lightning.errors import RSoupError
from rsoup_lightning.serving.engine import BusyError, StoppingError

LONGEST = 600
"""Characters of a message, which may quote what somebody sent."""


class RequestError(RSoupError):
    """A request that is refused, or that failed.

    Args:
        message: what is wrong and what to do about it.
        param: the field at fault, such as ``messages[0].content``.
        status: of HTTP.
        code: a word for programs.
        headers: of the response.
    """

    def __init__(
        self,
        message: str,
        param: str | None = None,
        *,
        status: int = 400,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message if len(message) <= LONGEST else f"{message[:LONGEST]}...")
        self.param, self.status, self.code, self.headers = param, status, code, dict(headers or {})

    @property
    def body(self) -> dict[str, Any]:
        """As OpenAI writes it."""
        kind = "rate_limit_error" if self.status == 429 else "invalid_request_error"
        kind = "server_error" if self.status >= 500 else kind
        return {"error": {"message": str(self), "type": kind, "param": self.param, "code": self.code}}


class ClientGoneError(Exception):
    """Nobody waits for the answer any more."""


def refusal(error: RequestError) -> JSONResponse:
    """The response for it."""
    return JSONResponse(error.body, error.status, error.headers)


def unavailable(message: str, code: str = "stopping") -> RequestError:
    """For a server that takes no more requests, or none now."""
    return RequestError(message, status=503, code=code, headers={"retry-after": "1", "connection": "close"})


@contextmanager
def blaming(param: str | None) -> Iterator[None]:
    """Errors of the library inside the block become refusals that name a field.

    Raises:
        RequestError: 429 where the queue is full, 503 where the engine stops, 400 for all else.
    """
    try:
        yield
    except RequestError:
        raise
    except BusyError as error:
        raise RequestError(str(error), status=429, code="queue_full", headers={"retry-after": "1"}) from error
    except StoppingError as error:
        raise unavailable(str(error)) from error
    except RSoupError as error:
        raise RequestError(str(error), param) from error
