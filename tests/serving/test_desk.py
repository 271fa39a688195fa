"""What a request is before it is played: within its limits, and noted."""

from __future__ import annotations

import pytest

from rsoup_lightning.serving.desk import Desk
from rsoup_lightning.serving.errors import RequestError
from rsoup_lightning.serving.limits import Limits
from rsoup_lightning.serving.measures import EngineCollector, Measures
from rsoup_lightning.serving.points import Points
from rsoup_lightning.serving.schemas import SoupFields
from rsoup_lightning.serving.watch import Note
from tests.serving.parrot import Parrot, ParrotEngine, soup


def test_what_is_noted_of_a_request() -> None:
    with ParrotEngine(Parrot()) as engine:  # type: ignore[arg-type]
        measures, points = Measures(EngineCollector(engine)), Points("tuned", soup())
        desk, note = Desk(points, measures, Limits(max_choices=3)), Note()
        kind, brief = (points.find(coefficients={name: 1.0}) for name in ("kind", "brief"))
        desk.asked(SoupFields(model="tuned", user="me"), note, [kind, kind])
        assert note.fields == {"model": "tuned", "user": "me", "coefficients": {"kind": 1.0, "brief": 0.0}, "rows": 2}
        desk.asked(SoupFields(), note, [kind, brief])
        assert note.fields["coefficients"] == [{"kind": 1.0, "brief": 0.0}, {"kind": 0.0, "brief": 1.0}]
        assert b'rsoup_rows_total{coefficients="kind=1"} 3.0' in measures.text()
        desk.check_choices(3, "n")
        with pytest.raises(RequestError, match="4 answers are too many for one request: 3 at most"):
            desk.check_choices(4, "n")
