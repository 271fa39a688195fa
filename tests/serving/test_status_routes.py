from __future__ import annotations

from starlette.testclient import TestClient

from rsoup_lightning.serving.gate import Gate
from rsoup_lightning.serving.points import Points
from tests.serving.parrot import parrot_app, soup


def test_alive_and_ready() -> None:
    gate = Gate()
    app = parrot_app(gate=gate)
    client = TestClient(app)

    def statuses() -> tuple[int, int]:
        return client.get("/health").status_code, client.get("/ready").status_code

    assert statuses() == (200, 200)
    assert [client.head(path).status_code for path in ("/health", "/ready")] == [200, 200]
    gate.closed = True
    assert statuses() == (200, 503)
    gate.closed = False
    app.state.engine.close()
    assert statuses() == (503, 503)


def test_models_are_the_soup_and_its_experts() -> None:
    client = TestClient(parrot_app(points=Points("tuned", soup(front=True), preference={"kind": 1})))
    listed = client.get("/v1/models").json()
    assert [model["id"] for model in listed["data"]] == ["tuned", "tuned@kind=1", "tuned@brief=1"]
    described = listed["data"][0]["rsoup"]
    assert described["experts"] == described["rewards"] == ["kind", "brief"] and described["takes_preferences"]
    assert described["default"]["preference"] == {"kind": 1.0, "brief": 0.0}
    assert client.get("/v1/models/tuned@0.5,0.5").json()["id"] == "tuned@0.5,0.5"
    for name, status in (("other", 404), ("tuned@0.5,0.6", 400)):
        refused = client.get(f"/v1/models/{name}")
        assert refused.status_code == status and refused.json()["error"]["param"] == "model"
    alone = TestClient(parrot_app(points=Points("tuned", soup("picked"))))
    assert [model["id"] for model in alone.get("/v1/models").json()["data"]] == ["tuned"]
