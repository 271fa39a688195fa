"""The application: routes, behind the gate and under watch."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from fastapi import APIRouter, FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.routing import Route

from rsoup_lightning.errors import UnknownNameError
from rsoup_lightning.serving.call_engine import CallEngine
from rsoup_lightning.serving.call_routes import CallDesk, call_routes
from rsoup_lightning.serving.errors import RequestError, refusal
from rsoup_lightning.serving.gate import Gate, guard
from rsoup_lightning.serving.limits import Limits
from rsoup_lightning.serving.measures import EngineCollector, Measures
from rsoup_lightning.serving.points import Points
from rsoup_lightning.serving.status_routes import status_routes
from rsoup_lightning.serving.text_engine import TextEngine
from rsoup_lightning.serving.text_routes import TextDesk, text_routes
from rsoup_lightning.serving.vllm.gateway import Gateway, gateway_routes
from rsoup_lightning.serving.vllm.upstream import Upstream
from rsoup_lightning.serving.watch import watch


def create_app(
    engine: TextEngine | CallEngine, points: Points, limits: Limits, gate: Gate, log: Callable[[str], None]
) -> FastAPI:
    """What answers requests to one soup.

    Args:
        engine: plays it.
        points: its λ.
        limits: of every request.
        gate: who comes in.
        log: takes a line of JSON for each request.
    """
    measures = Measures(EngineCollector(engine))

    async def is_alive() -> bool:
        return engine.state().alive

    if isinstance(engine, CallEngine):
        routes = call_routes(CallDesk(engine, points, measures, limits), type(engine.player))
    else:
        routes = text_routes(TextDesk(engine, points, measures, limits))
    return _application(routes, is_alive, points, measures, gate, log)


def create_gateway(
    upstream: Upstream, lattice: int, points: Points, limits: Limits, gate: Gate, log: Callable[[str], None]
) -> FastAPI:
    """What answers requests to one soup that vLLM plays.

    Args:
        upstream: the vLLM.
        lattice: steps of its λ along an edge of the simplex.
        points: as of :func:`create_app`, like all others.
        limits: of every request.
        gate: who comes in.
        log: takes a line of JSON for each request.
    """
    measures = Measures()
    routes = gateway_routes(Gateway(upstream, lattice, points, measures, limits))
    return _application(routes, upstream.is_alive, points, measures, gate, log)


def _application(
    routes: APIRouter,
    is_alive: Callable[[], Awaitable[bool]],
    points: Points,
    measures: Measures,
    gate: Gate,
    log: Callable[[str], None],
) -> FastAPI:
    """Routes and what every server has."""
    app = FastAPI(openapi_url=None)  # fields are read by hand, so that errors name them as OpenAI's do
    routers = [status_routes(is_alive, points, measures, gate, int(time.time())), routes]
    for router in routers:
        app.include_router(router)
    known = [route.path for router in routers for route in router.routes if isinstance(route, Route)]
    paths = [path for path in known if "{" not in path]

    @app.exception_handler(RequestError)
    async def refused(request: Request, error: RequestError) -> Response:
        request.state.note.failed(error)
        return refusal(error)

    @app.exception_handler(HTTPException)
    async def misdirected(request: Request, error: HTTPException) -> Response:
        """No such path, or no such method of it."""
        path = request.url.path
        said = f"{path} does not take {request.method}" if path in paths else str(UnknownNameError("path", path, paths))
        told = RequestError(said, "path", status=error.status_code, headers=error.headers)
        return await refused(request, told)

    app.add_middleware(lambda app: guard(app, gate))
    app.add_middleware(lambda app: watch(app, measures, log))
    return app
