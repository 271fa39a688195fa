"""``/health``, ``/ready``, ``/metrics`` and ``/v1/models``: what a server says of itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST

from rsoup_lightning.serving.gate import Gate
from rsoup_lightning.serving.measures import Measures
from rsoup_lightning.serving.model_names import AT
from rsoup_lightning.serving.points import Points


def status_routes(
    is_alive: Callable[[], Awaitable[bool]], points: Points, measures: Measures, gate: Gate, started: int
) -> APIRouter:
    """The routes of every server.

    Args:
        is_alive: tells whether the engine is.
        points: the model's name and experts.
        measures: to be read.
        gate: open, or not.
        started: when the server did, in seconds since 1970.
    """
    router = APIRouter()

    def status(well: bool, said: str) -> Response:
        return JSONResponse({"status": said}, 200 if well else 503)

    @router.head("/health", include_in_schema=False)
    @router.get("/health")
    async def health() -> Response:
        """Whether the engine is alive: 200, or else 503."""
        alive = await is_alive()
        return status(alive, "alive" if alive else "the engine has stopped")

    @router.head("/ready", include_in_schema=False)
    @router.get("/ready")
    async def ready() -> Response:
        """Whether requests are accepted: 200, or else 503."""
        accepting = await is_alive() and not gate.closed
        return status(accepting, "ready" if accepting else "stopping")

    @router.get("/metrics")
    async def metrics() -> Response:
        """Counts and times for Prometheus."""
        return Response(measures.text(), media_type=CONTENT_TYPE_LATEST)

    def described(model: str) -> dict[str, Any]:
        soup = {
            "experts": points.experts,
            "rewards": points.rewards,
            "takes_preferences": points.takes_preferences,
            "default": points.default and points.default.record,
        }
        return {"id": model, "object": "model", "created": started, "owned_by": "rsoup", "rsoup": soup}

    @router.get("/v1/models")
    async def models() -> dict[str, Any]:
        """The soup, and each of its experts alone."""
        alone = [f"{points.name}{AT}{expert}=1" for expert in points.experts]
        names = [points.name, *(alone if len(alone) > 1 else [])]
        return {"object": "list", "data": [described(name) for name in names]}

    @router.get("/v1/models/{model:path}")
    async def model(model: str) -> dict[str, Any]:
        """One of them, or the soup at λ, by a name that says it."""
        points.check_model(model)
        return described(model)

    return router
