"""TLS in front of a service, as an ingress ends it."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

from tests.cluster.certificates import Authority


@contextmanager
def https(port: int, folder: Path) -> Iterator[tuple[int, Path]]:
    """Serve a loopback port by https on another; yield that one and the authority's certificate."""
    authority = Authority(folder / "tls")
    authority.issue("front", user="front", hosts=("127.0.0.1", "localhost"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.path("front.crt"), authority.path("front.key"))
    ready: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event, int]] = Future()

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pipe(reader, inner[1]), pipe(inner[0], writer))

    async def serve() -> None:
        stop = asyncio.Event()
        server = await asyncio.start_server(forward, "127.0.0.1", 0, ssl=context)
        ready.set_result((asyncio.get_running_loop(), stop, server.sockets[0].getsockname()[1]))
        await stop.wait()
        server.close()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    loop, stop, front = ready.result()
    try:
        yield front, Path(authority.path("ca.crt"))
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
