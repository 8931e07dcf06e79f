"""A proxy between an operator and the API server: it writes down every request, and misbehaves.

Everything that it lets through reaches the real API server with the caller's own credentials.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp import web

_WRITES = ("POST", "PUT", "PATCH", "DELETE")
_HOP = {"connection", "content-length", "content-encoding", "host", "transfer-encoding"}
"""Headers that hold for one connection, or for a body that has been decoded on the way."""


@dataclass(slots=True)
class Call:
    """One request.

    Attributes
    ----------
    path
        Of the object, also where one is created.
    began
        ``time.monotonic()`` of its arrival.
    status
        Of the answer; 0 while there is none, and for ever if the caller went away before.
    """

    method: str
    path: str
    watch: bool
    began: float = field(default_factory=time.monotonic)
    status: int = 0

    @property
    def writes(self) -> bool:
        """Whether it changes something that is not the Lease."""
        return self.method in _WRITES and "/leases" not in self.path

    @property
    def child(self) -> bool:
        """Whether it is about an object of a tenant: no event, and not the tenant's status."""
        others = ("/events/", "/namespaces/scim-system/")
        return not self.path.endswith("/status") and not any(part in self.path for part in others)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the proxy answers instead of the API server."""

    status: int
    message: str
    headers: Mapping[str, str] = field(default_factory=dict)


class Proxy:
    """A proxy on loopback with an event loop in a thread of its own; a context manager.

    Attributes
    ----------
    calls
        Every request so far.
    fault
        Asked about each request; what it returns is answered in place of the API server.
    ahead
        By how much the API server's clock seems to be ahead of what it is.
    """

    def __init__(self, target: str, authority: Path) -> None:
        self.calls: list[Call] = []
        self.fault: Callable[[Call], Answer | None] = lambda _: None
        self.ahead = timedelta()
        self.url = ""
        self._target = target
        self._tls = ssl.create_default_context(cafile=authority)
        self._silences = 0
        self._started = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._run(),))

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._started.wait(10)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._loop.close()

    def silence(self) -> None:
        """Let nothing more through on the watches that are open, and leave them open."""
        self._silences += 1

    def writes(self) -> list[Call]:
        """The requests that changed something, or may have; the Lease left out."""
        return [call for call in self.calls if call.writes and call.status < 400]

    def written(self) -> Counter[str]:
        """How often the objects of tenants were written with success, by path."""
        return Counter(call.path for call in self.writes() if call.child and call.status)

    def cut_off(self) -> set[str]:
        """The objects of tenants that may have been written or not."""
        return {call.path for call in self.writes() if call.child and not call.status}

    async def _run(self) -> None:
        connector = aiohttp.TCPConnector(limit=0, ssl=self._tls)
        timeout = aiohttp.ClientTimeout(total=None)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as self._upstream:
            application = web.Application(client_max_size=2**24)
            application.router.add_route("*", "/{path:.*}", self._pass)
            runner = web.AppRunner(
                application, access_log=None, handler_cancellation=True, shutdown_timeout=0.1
            )
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            self._started.set()
            await self._stop.wait()
            await runner.cleanup()
        # TLS connections need a moment to say goodbye, and would be found unclosed.
        await asyncio.sleep(0.25)

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        path = request.path
        if request.method == "POST":
            path += "/" + json.loads(body)["metadata"]["name"]
        call = Call(request.method, path, request.query.get("watch") == "true")
        self.calls.append(call)
        if answer := self.fault(call):
            call.status = answer.status
            status = {"kind": "Status", "code": answer.status, "message": answer.message}
            return web.json_response(status, status=answer.status, headers=answer.headers)
        headers = {name: text for name, text in request.headers.items() if name.lower() not in _HOP}
        try:
            async with self._upstream.request(
                request.method, self._target + request.path_qs, data=body or None, headers=headers
            ) as upstream:
                call.status = upstream.status
                return await self._answer(request, upstream, call)
        except aiohttp.ClientError as error:
            # As a load balancer says it of a server that is not there.
            call.status = 502
            return web.Response(status=502, text=json.dumps({"message": str(error)}))

    async def _answer(
        self, request: web.Request, upstream: aiohttp.ClientResponse, call: Call
    ) -> web.StreamResponse:
        headers = {
            name: text for name, text in upstream.headers.items() if name.lower() not in _HOP
        }
        headers["Date"] = format_datetime(
            parsedate_to_datetime(headers["Date"]) + self.ahead, usegmt=True
        )
        if not call.watch:
            content = await upstream.read()
            return web.Response(status=upstream.status, body=content, headers=headers)
        silences = self._silences
        response = web.StreamResponse(status=upstream.status, headers=headers)
        await response.prepare(request)
        with contextlib.suppress(ConnectionError, aiohttp.ClientError):
            async for chunk in upstream.content.iter_any():
                # Once deaf, for ever: on a dead connection what is lost does not come later.
                if silences == self._silences:
                    await response.write(chunk)
        return response
