"""The engine: requests from any thread, answered as if alone, given up, refused, and ended well."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any

import pytest

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.language.pieces import TextPiece
from rsoup_lightning.modalities.language.text_row import TextRequest
from rsoup_lightning.serving.engine import BusyError, Engine, StoppingError
from rsoup_lightning.serving.text_engine import TextEngine
from tests.modalities.language.test_playing import soup
from tests.modalities.language.test_running import requests_of, tokens


def answer(engine: Engine[TextRequest, TextPiece], request: TextRequest) -> str:
    return "".join(piece.text for piece in engine.stream(request))


def endless(point: tuple[float, float] = (1.0, 0.0), **settings: Any) -> TextRequest:
    return TextRequest(tokens("a"), point, 60, 0.0, **settings)


class Heard:
    """Keeps what a listener hears."""

    def __init__(self) -> None:
        self.news: list[Any] = []
        self.ended = threading.Event()

    def __call__(self, piece: Any) -> None:
        self.news.append(piece)
        if isinstance(piece, Exception) or piece.finish_reason:
            self.ended.set()


def test_requests_of_many_threads_are_answered_as_if_alone() -> None:
    asked = requests_of(24)
    with TextEngine(soup(), max_rows=5) as engine:
        alone = [answer(engine, request) for request in asked]
        with ThreadPoolExecutor(8) as threads:
            assert list(threads.map(lambda request: answer(engine, request), asked)) == alone
        state = engine.state()
    assert (state.queued, state.running, state.points, state.alive) == (0, 0, {}, True)
    assert state.pieces >= state.steps > 0 and not engine.state().alive


def test_a_request_that_is_given_up_leaves_its_row() -> None:
    with TextEngine(soup(), max_rows=1) as engine:
        pieces = engine.stream(endless())
        next(pieces)
        waits, never = Heard(), Heard()
        engine.submit(endless(), never).cancel()
        engine.submit(TextRequest(tokens("a"), (0.0, 1.0), 2, 0.0), waits)
        pieces.close()  # type: ignore[attr-defined]
        assert waits.ended.wait(10) and not never.news
        assert engine.state().pieces < 60, "it did not write to the end"


def test_a_full_queue() -> None:
    gate = threading.Event()
    with TextEngine(soup(), max_rows=1, max_queue=2) as engine:
        engine.submit(endless(), lambda piece: gate.wait(10) and None)
        while engine.state().queued:
            pass
        tickets = [engine.submit(endless(), Heard()) for _ in range(2)]
        with pytest.raises(BusyError, match="2 requests wait already"):
            engine.submit(endless(), Heard())
        for ticket in tickets:
            ticket.cancel()
        heard = Heard()
        engine.submit(TextRequest(tokens("a"), (0.0, 1.0), 2, 0.0), heard)  # there is room again, and at once
        gate.set()
        assert heard.ended.wait(10)


def test_what_was_taken_is_finished_before_the_end() -> None:
    engine, heard = TextEngine(soup(), max_rows=2), [Heard() for _ in range(5)]
    for each in heard:
        engine.submit(endless(), each)
    engine.close()
    assert all(each.ended.is_set() and each.news[-1].finish_reason for each in heard)
    with pytest.raises(StoppingError):
        engine.submit(endless(), Heard())


def test_patience_has_an_end() -> None:
    engine, heard = TextEngine(soup(), max_rows=1), [Heard() for _ in range(4)]
    for each in heard:
        engine.submit(endless(), each)
    engine.close(patience=0)
    assert all(each.ended.is_set() for each in heard)
    assert isinstance(heard[-1].news[-1], StoppingError) and not engine.state().alive


def test_an_error_in_a_step_is_told_and_the_next_request_fares_better(monkeypatch: pytest.MonkeyPatch) -> None:
    made = soup()
    with TextEngine(made) as engine:
        good = answer(engine, endless())
        monkeypatch.setattr(made, "mixed", lambda points: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            answer(engine, endless())
        monkeypatch.undo()
        assert answer(engine, endless()) == good and engine.state().running == 0


def test_a_request_that_cannot_join_is_told_and_nobody_else() -> None:
    with TextEngine(soup()) as engine:
        good, heard = answer(engine, endless()), Heard()
        engine.submit(endless(), heard)
        with pytest.raises(ValueError, match="Overflow"):
            answer(engine, endless(seed=1 << 70))
        assert heard.ended.wait(10) and heard.news[-1].finish_reason and answer(engine, endless()) == good


def test_an_engine_that_fails_leaves_nobody_waiting(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    made, gate, heard = soup(), threading.Event(), [Heard() for _ in range(3)]

    def fails(points: Any) -> Any:
        gate.wait(10)
        raise SystemExit

    with TextEngine(made, max_rows=1) as engine:
        monkeypatch.setattr(made, "mixed", fails)
        for each in heard:
            engine.submit(endless(), each)
        gate.set()
        assert all(each.ended.wait(10) and isinstance(each.news[-1], StoppingError) for each in heard)
        with pytest.raises(StoppingError):
            engine.submit(endless(), Heard())
    assert "the engine has failed" in caplog.text and not engine.state().alive


def test_a_listener_that_fails_ends_its_own_request_only(caplog: pytest.LogCaptureFixture) -> None:
    with TextEngine(soup()) as engine:
        engine.submit(endless(), lambda piece: [][1])
        heard = Heard()
        engine.submit(endless((0.0, 1.0)), heard)
        assert heard.ended.wait(10) and heard.news[-1].finish_reason
    assert caplog.text.count("a listener failed") == 1


def test_whole_weights_take_turns() -> None:
    from tests.modalities.language.test_playing import whole

    asked = requests_of(6)
    Random(0).shuffle(asked)
    with TextEngine(soup(whole)) as engine, ThreadPoolExecutor(6) as threads:
        together = list(threads.map(lambda request: answer(engine, request), asked))
        assert together == [answer(engine, request) for request in asked]


def test_what_can_never_be_answered() -> None:
    with TextEngine(soup()) as engine, pytest.raises(ConfigError, match="the model reads 64 of which 60 are the"):
        engine.submit(TextRequest(tokens("a" * 30), (1.0, 0.0), 60), Heard())
