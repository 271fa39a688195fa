"""Requests of many threads that are played whole."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from rsoup_lightning.modalities.control.playing import Acting
from rsoup_lightning.modalities.running_calls import CallRequest
from rsoup_lightning.serving.call_engine import CallEngine
from tests.modalities.test_running_calls import acting


def test_requests_of_many_threads_share_batches_and_are_answered_as_if_alone() -> None:
    seen = np.random.default_rng(1).normal(size=(60, 17))
    points = [(row / 59, 1 - row / 59) for row in range(60)]
    with CallEngine(acting(), max_rows=16) as engine, ThreadPoolExecutor(12) as threads:
        assert isinstance(engine.player, Acting)

        def action(row: int) -> list[float]:
            (result,) = engine.stream(CallRequest([points[row]], [seen[row]]))
            return [float(value) for value in result.made[0]]

        made = list(threads.map(action, range(60)))
        assert engine.state().pieces == 60 and engine.state().running == 0
    alone = acting().at([{"first": first, "second": second} for first, second in points]).act(seen)
    assert np.array_equal(made, alone)
