from __future__ import annotations

from typing import Any

from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from rsoup_lightning.serving.measures import POINTS, EngineCollector, Measures
from rsoup_lightning.serving.points import Points
from tests.serving.parrot import Parrot, parrot_app, soup


def values(text: str) -> dict[tuple[str, ...], float]:
    """By name and values of labels."""
    families = text_string_to_metric_families(text)
    return {(item.name, *item.labels.values()): item.value for family in families for item in family.samples}


def test_measures_are_of_what_happened() -> None:
    parrot = Parrot()
    client: Any = TestClient(parrot_app(parrot))
    for body in (
        {"prompt": "ab", "n": 2},
        {"prompt": "ab", "coefficients": {"kind": 0.25, "brief": 0.75}},
        {"promt": "a"},
    ):
        client.post("/v1/completions", json=body)
    client.get("/nowhere")
    found = values(client.get("/metrics").text)
    assert found["rsoup_requests_total", "/v1/completions", "200"] == 2
    assert found["rsoup_requests_total", "/v1/completions", "400"] == 1
    assert found["rsoup_requests_total", "other", "404"] == 1
    assert found["rsoup_request_seconds_count", "/v1/completions"] == 3
    assert found["rsoup_first_token_seconds_count",] == 2
    assert found["rsoup_rows_total", "kind=1"] == 2 and found["rsoup_rows_total", "kind=0.25,brief=0.75"] == 1
    assert found["rsoup_tokens_total",] == 9 and found["rsoup_steps_total",] == parrot.steps > 0
    assert found["rsoup_tokens_per_second",] > 0
    for name in ("rsoup_queue_rows", "rsoup_batch_rows", "rsoup_batch_points"):
        assert found[name,] == 0
    assert values(client.get("/metrics").text)["rsoup_tokens_per_second",] == 0  # none since


def test_lambdas_without_end_have_labels_with_one() -> None:
    measures, points = Measures(EngineCollector(parrot_app().state.engine)), Points("tuned", soup())
    for number in range(3 * POINTS):
        share = number / (3 * POINTS - 1)
        measures.rows(points.find(coefficients={"kind": share, "brief": 1 - share}), 1)
    rows = {key: value for key, value in values(measures.text().decode()).items() if key[0] == "rsoup_rows_total"}
    assert len(rows) == POINTS + 1 and sum(rows.values()) == 3 * POINTS
    assert rows["rsoup_rows_total", "other"] > 1
