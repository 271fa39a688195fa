"""One thread that owns a model: requests join its batch and leave it between two steps, each at its own λ."""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from queue import SimpleQueue
from threading import Condition, Thread
from typing import Any, Generic

from rsoup_lightning.errors import RSoupError
from rsoup_lightning.serving.batches import A, Batch, P
from rsoup_lightning.simplex import Coefficients

logger = logging.getLogger(__name__)


class BusyError(RSoupError):
    """More requests than the queue holds."""


class StoppingError(RSoupError):
    """The engine stops, and takes nothing more."""


@dataclass(eq=False)
class Ticket(Generic[A]):
    """A request that was taken.

    Attributes:
        request: the request.
        listener: hears of its pieces, or of one error, from the engine's thread.
        cancelled: whether nobody waits for it any more.
    """

    request: A
    listener: Callable[[Any], None] = field(repr=False)
    cancelled: bool = False

    def cancel(self) -> None:
        """Give it up: its row is gone at the next step, and its listener hears nothing more."""
        self.cancelled = True


@dataclass(frozen=True)
class EngineState:
    """What an engine does at a moment.

    Attributes:
        queued: requests that wait for room.
        running: rows of the batch.
        points: how many of them play at each λ.
        steps: steps so far.
        pieces: pieces of answers so far: tokens, of texts.
        alive: whether the thread runs.
    """

    queued: int
    running: int
    points: Mapping[Coefficients, int]
    steps: int
    pieces: int
    alive: bool


class Engine(Generic[A, P]):
    """Plays requests from any thread.

    Args:
        batch: rows that come and go; it and its model are the engine's alone from now on.
        max_queue: how many requests may wait for room.
    """

    def __init__(self, batch: Batch[A, P], max_queue: int = 64) -> None:
        self._batch, self._max_queue = batch, max_queue
        self._queue: deque[Ticket[A]] = deque()
        self._running: dict[int, Ticket[A]] = {}
        self._steps = self._pieces = 0
        self._stopping = self._abandoned = False
        self._changed = Condition()
        self._thread = Thread(target=self._run, name="rsoup engine", daemon=True)
        self._thread.start()

    def __enter__(self) -> Engine[A, P]:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def check(self, request: A) -> None:
        """Require that a request can be answered at all.

        Raises:
            RSoupError: it cannot.
        """
        self._batch.check(request)

    def submit(self, request: A, listener: Callable[[P | Exception], None]) -> Ticket[A]:
        """Have a request played as soon as there is room, first come, first served.

        Args:
            request: what to play.
            listener: called from the engine's thread with each piece, the last of which has a finish reason, or with
                the error that ended it. It must return at once.

        Raises:
            BusyError: as many wait as may.
            StoppingError: the engine stops.
            RSoupError: it can never be answered, as of :meth:`check`.
        """
        self.check(request)
        ticket = Ticket(request, listener)
        with self._changed:
            if self._stopping:
                raise StoppingError("the server stops, and takes no more requests")
            self._queue = deque(waiting for waiting in self._queue if not waiting.cancelled)
            if len(self._queue) >= self._max_queue:
                raise BusyError(f"{self._max_queue} requests wait already: try again later")
            self._queue.append(ticket)
            self._changed.notify()
        return ticket

    def stream(self, request: A) -> Iterator[P]:
        """The pieces of an answer as they come; closing the iterator gives the request up.

        Raises:
            RSoupError: as of :meth:`submit`, or whatever ends the answer.
        """
        heard: SimpleQueue[P | Exception] = SimpleQueue()
        return _heard(heard, self.submit(request, heard.put))

    def state(self) -> EngineState:
        """What it does now."""
        with self._changed:
            points = Counter(point for ticket in self._running.values() for point in ticket.request.points)
            waiting, alive = len(self._queue), self._thread.is_alive()
            return EngineState(waiting, len(self._running), points, self._steps, self._pieces, alive)

    def close(self, patience: float | None = None) -> None:
        """Take nothing more, finish what was taken, and end the thread.

        Args:
            patience: seconds to wait; whoever waits for an answer then gets an error. None: as long as it takes.
        """
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join(patience)
        self._abandoned = True
        self._thread.join()

    def _run(self) -> None:
        try:
            while self._admit():
                if self._running:
                    self._step()
        except BaseException:
            logger.exception("the engine has failed, and takes no more requests")
        finally:
            with self._changed:
                self._stopping = self._abandoned = True
            self._fail(StoppingError("the server stopped before the answer was whole"))

    def _step(self) -> None:
        try:
            pieces = self._batch.step()
        except Exception as error:  # of whatever kind: the next requests may fare better
            self._fail(error)
            return
        self._steps += 1
        self._pieces += len(pieces)
        for name, piece in pieces:
            self._tell(name, piece)

    def _admit(self) -> bool:
        """Let rows leave and join; False: there will be none any more."""
        for name in [name for name, ticket in self._running.items() if ticket.cancelled]:
            self._batch.leave(name)
            with self._changed:
                del self._running[name]
        with self._changed:
            while not self._running and not self._queue and not self._stopping:
                self._changed.wait()
            if self._abandoned:
                return False
            while self._queue and (self._queue[0].cancelled or self._batch.fits(self._queue[0].request)):
                ticket = self._queue.popleft()
                if not ticket.cancelled:
                    self._join(ticket)
            return bool(self._running or self._queue or not self._stopping)

    def _join(self, ticket: Ticket[A]) -> None:
        try:
            self._running[self._batch.join(ticket.request)] = ticket
        except Exception as error:  # of this request alone
            _hear(ticket, error)

    def _tell(self, name: int, piece: P | Exception) -> None:
        ticket = self._running[name]
        if isinstance(piece, Exception) or piece.finish_reason is not None:
            with self._changed:
                del self._running[name]
        _hear(ticket, piece)

    def _fail(self, error: Exception) -> None:
        """Tell everybody who waits for an answer, and begin anew."""
        with self._changed:
            tickets = list(self._running.values())
            self._running.clear()
            if self._abandoned:
                tickets += self._queue
                self._queue.clear()
        for ticket in tickets:
            _hear(ticket, error)
        self._batch.clear()


def _hear(ticket: Ticket[Any], news: Any) -> None:
    """Tell a listener; one that fails, as where its loop has ended, is not told again."""
    if not ticket.cancelled:
        try:
            ticket.listener(news)
        except Exception:
            logger.exception("a listener failed")
            ticket.cancel()


def _heard(heard: SimpleQueue[P | Exception], ticket: Ticket[A]) -> Iterator[P]:
    try:
        while True:
            piece = heard.get()
            if isinstance(piece, Exception):
                raise piece
            yield piece
            if piece.finish_reason is not None:
                return
    finally:
        ticket.cancel()
