"""What OpenAPI says of the routes is what they do."""

from __future__ import annotations

import json
import warnings
from typing import Any

import pytest

from rsoup_lightning.serving.call_routes import WAYS, call_routes
from rsoup_lightning.serving.openapi import document
from rsoup_lightning.serving.status_routes import status_routes
from rsoup_lightning.serving.text_routes import text_routes

UNUSED: Any = None  # routes that are not called need no engine
with warnings.catch_warnings(action="error"):  # as of operations that have one name
    DOCUMENTS = [
        document("server", "1", status_routes(UNUSED, UNUSED, UNUSED, UNUSED, 0), routes)
        for routes in (text_routes(UNUSED), *(call_routes(UNUSED, player) for player in WAYS))
    ]


@pytest.mark.parametrize("made", DOCUMENTS, ids=lambda made: [*made["paths"]][-1])
def test_every_reference_leads_to_a_component_and_every_route_says_what_it_is(made: dict[str, Any]) -> None:
    text = json.dumps(made)
    assert "$defs" not in text
    named = {part.partition('"')[0] for part in text.split('"#/components/schemas/')[1:]}
    assert named and named <= set(made["components"]["schemas"])
    operations = [operation for path in made["paths"].values() for operation in path.values()]
    assert all(operation["description"] for operation in operations)


def test_a_body_is_that_of_its_route() -> None:
    chat = DOCUMENTS[0]["paths"]["/v1/chat/completions"]["post"]["requestBody"]["content"]["application/json"]
    assert chat == {"schema": {"$ref": "#/components/schemas/ChatRequest"}}
    fields = DOCUMENTS[0]["components"]["schemas"]["ChatRequest"]
    assert fields["required"] == ["messages"]
    assert {"coefficients", "preference"} <= set(fields["properties"])
    assert "tools" in fields["x-not-offered"] and "tools" not in fields["properties"]
