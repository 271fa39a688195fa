"""What OpenAPI says of the server: FastAPI reads it off the routes, and here is what these do not tell by themselves.

Bodies are read by hand, so that errors name fields as OpenAI's do; routes therefore say by :func:`takes` what they are.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, FastAPI

from rsoup_lightning.serving.schemas import Strict

COMPONENT = "#/components/schemas/{model}"


def takes(body: type[Strict]) -> dict[str, Any]:
    """``openapi_extra`` of a route whose body has the fields of ``body``; others of OpenAI's are ``x-not-offered``."""
    schema = {**body.model_json_schema(ref_template=COMPONENT), "x-not-offered": [*body.neutral]}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def document(title: str, version: str, *routers: APIRouter) -> dict[str, Any]:
    """The OpenAPI document of a server with these routes."""
    app = FastAPI(title=title, version=version)
    for router in routers:
        app.include_router(router)
    made = app.openapi()
    components = made.setdefault("components", {}).setdefault("schemas", {})
    for path in made["paths"].values():
        for operation in path.values():
            for content in operation.get("requestBody", {}).get("content", {}).values():
                schema = content["schema"]
                components |= schema.pop("$defs", {})
                components[schema["title"]] = schema
                content["schema"] = {"$ref": COMPONENT.format(model=schema["title"])}
    return made
