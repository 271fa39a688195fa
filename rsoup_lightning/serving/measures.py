"""What is measured of a server, for Prometheus."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from rsoup_lightning.serving.engine import Engine
from rsoup_lightning.serving.points import ServedPoint

POINTS = 100
"""λ that are counted by themselves; those that come after them are counted together."""
SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)


class Measures:
    """Counters of one server, in a registry of their own.

    Args:
        others: are read when somebody asks.
    """

    def __init__(self, *others: Collector) -> None:
        self._registry = CollectorRegistry()
        for other in others:
            self._registry.register(other)
        self._labels: set[str] = set()
        own: dict[str, Any] = {"registry": self._registry}
        self._requests = Counter("rsoup_requests", "Requests by path and status", ["path", "status"], **own)
        self._seconds = Histogram("rsoup_request_seconds", "Of whole requests", ["path"], buckets=SECONDS, **own)
        self._first = Histogram("rsoup_first_token_seconds", "Until the first token", buckets=SECONDS, **own)
        self._rows = Counter("rsoup_rows", "Rows by λ", ["coefficients"], **own)

    def request(self, path: str, status: int, seconds: float) -> None:
        """A request has ended."""
        self._requests.labels(path, str(status)).inc()
        self._seconds.labels(path).observe(seconds)

    def first_token(self, seconds: float) -> None:
        """A request has its first token."""
        self._first.observe(seconds)

    def rows(self, point: ServedPoint, count: int) -> None:
        """Rows that were asked for at a λ."""
        weights = point.record["coefficients"].items()
        label = ",".join(f"{name}={weight:.2g}" for name, weight in weights if weight)
        if label in self._labels or len(self._labels) < POINTS:
            self._labels.add(label)
        else:
            label = "other"
        self._rows.labels(label).inc(count)

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self._registry)


class EngineCollector(Collector):
    """The state of an engine at the moment of asking."""

    def __init__(self, engine: Engine[Any, Any]) -> None:
        self._engine = engine
        self._before = time.monotonic(), engine.state().pieces

    def collect(self) -> Iterator[Metric]:
        """Each of its numbers."""
        state, now, (then, tokens) = self._engine.state(), time.monotonic(), self._before
        self._before = now, state.pieces
        rate = (state.pieces - tokens) / max(now - then, 1e-9)
        yield GaugeMetricFamily("rsoup_queue_rows", "Rows that wait", state.queued)
        yield GaugeMetricFamily("rsoup_batch_rows", "Rows in the running batch", state.running)
        yield GaugeMetricFamily("rsoup_batch_points", "Distinct λ in the running batch", len(state.points))
        yield CounterMetricFamily("rsoup_tokens", "Tokens that were written", state.pieces)
        yield CounterMetricFamily("rsoup_steps", "Steps of the batch", state.steps)
        yield GaugeMetricFamily("rsoup_tokens_per_second", "Since these numbers were last read", rate)
