from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

from rsoup_lightning.explorer.owner import Owner
from tests.explorer.browsing import run_apart


def test_all_work_is_done_in_one_thread_and_in_turn() -> None:
    owner = Owner("model")
    seen: list[tuple[str, str]] = []

    def parts(name: str) -> Iterator[int]:
        for number in range(3):
            seen.append((name, threading.current_thread().name))
            yield number

    async def listen(name: str) -> list[int]:
        return [part async for part in owner.each(lambda: parts(name))]

    async def both() -> list[list[int]]:
        return list(await asyncio.gather(listen("a"), listen("b")))

    assert run_apart(both()) == [[0, 1, 2], [0, 1, 2]]
    owner.stop()
    assert len({thread for _, thread in seen}) == 1
    assert [name for name, _ in seen] == ["a", "b"] * 3  # neither waits for the whole of the other


def test_who_leaves_stops_the_work() -> None:
    owner, ended, begun = Owner("model"), threading.Event(), []

    def endless() -> Iterator[int]:
        try:
            while True:
                begun.append(0)
                yield 0
        finally:
            ended.set()

    async def leave() -> None:
        async def listen() -> None:
            async for _ in owner.each(endless):
                pass

        task = asyncio.create_task(listen())
        while not begun:
            await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await owner.do(lambda: None)  # the thread is free again

    run_apart(leave())
    assert ended.wait(5)
    made = len(begun)
    run_apart(owner.do(lambda: None))
    assert len(begun) == made
    owner.stop()


def test_what_was_given_up_before_it_began_never_begins() -> None:
    owner, gate, ran = Owner("model"), threading.Event(), []

    async def give_up() -> None:
        first = asyncio.create_task(owner.do(gate.wait))
        await asyncio.sleep(0.01)
        second = asyncio.create_task(owner.do(lambda: ran.append(1)))
        await asyncio.sleep(0.01)
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)  # the loop has passed it on
        gate.set()
        await first
        await owner.do(lambda: None)

    run_apart(give_up())
    owner.stop()
    assert ran == []
