"""A reverse proxy as others put before a page: it serves it under a prefix, of which it tells it in a header."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Queue
from urllib.parse import urlsplit


@contextmanager
def proxied(address: str, prefix: str) -> Iterator[str]:
    """The address at which the server at ``address`` answers under ``prefix``, and nothing else does."""
    port = urlsplit(address).port

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while content := await reader.read(2**16):
                writer.write(content)
                await writer.drain()
        except ConnectionError:
            pass
        writer.close()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        except asyncio.IncompleteReadError:  # a connection that browsers keep at hand
            writer.close()
            return
        method, path, version = head[0].split()
        if not path.startswith(f"{prefix}/"):
            writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            writer.close()
            return
        kept = [line for line in head[1:-2] if not line.lower().startswith("connection: keep-alive")]
        upgrade = any(line.lower().startswith("upgrade:") for line in kept)
        told = [f"X-Forwarded-Prefix: {prefix}", *([] if upgrade else ["Connection: close"])]
        upstream, server = await asyncio.open_connection("127.0.0.1", port)
        request = [f"{method} {path.removeprefix(prefix)} {version}", *kept, *told, "", ""]
        server.write("\r\n".join(request).encode())
        await asyncio.gather(copy(reader, server), copy(upstream, writer))

    ports: Queue[int] = Queue()
    ended = threading.Event()

    async def serve() -> None:
        listening = await asyncio.start_server(answer, "127.0.0.1", 0)
        ports.put(listening.sockets[0].getsockname()[1])
        await asyncio.to_thread(ended.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))  # in that of the tests playwright has a loop already
    thread.start()
    try:
        yield f"http://127.0.0.1:{ports.get(timeout=10)}{prefix}/"
    finally:
        ended.set()
        thread.join()
