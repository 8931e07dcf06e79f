"""Requests to a small API server: retries, the fence, errors and streams."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from kubernetes.aio.client import Configuration
from scim_operator.kube.errors import ApiError
from scim_operator.kube.transport import Transport
from scim_operator.settings import Settings

PATH = "/api/v1/namespaces/team-a/services/contoso-scim"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def connected(handler: Handler) -> AsyncIterator[Transport]:
    """A transport to a server that answers every request with the handler."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handler)
    async with TestServer(application) as server:
        configuration = Configuration()
        configuration.host = str(server.make_url("")).rstrip("/")
        configuration.ssl_ca_cert = None
        async with Transport(Settings(), configuration) as transport:
            yield transport


class _Postponing:
    """Postpones the first requests."""

    def __init__(self, times: int) -> None:
        self.times = times
        self.requests: list[web.Request] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        if len(self.requests) <= self.times:
            headers = {"Retry-After": "0"}
            return web.json_response({"message": "later"}, status=429, headers=headers)
        return web.json_response({"kind": "Service"})


async def test_postponed_request_is_repeated() -> None:
    """A request that the API server postpones twice succeeds at the third attempt."""
    server = _Postponing(2)
    async with connected(server.answer) as transport:
        assert await transport.request("GET", PATH) == {"kind": "Service"}
    assert len(server.requests) == 3


async def test_postponed_too_often() -> None:
    """After three attempts the error says how long to wait, and which request it was."""
    server = _Postponing(9)
    async with connected(server.answer) as transport:
        with pytest.raises(ApiError, match="later") as caught:
            await transport.request("GET", PATH)
    assert len(server.requests) == 3
    assert caught.value.retry_after == 0
    assert caught.value.request == "GET of services/contoso-scim in namespace team-a"


async def test_other_errors_are_not_repeated() -> None:
    """A refusal without Retry-After is raised at once; a body that is no JSON is its message."""
    calls = []

    async def refuse(request: web.Request) -> web.StreamResponse:
        calls.append(request)
        return web.Response(status=403, text="you may not")

    async with connected(refuse) as transport:
        with pytest.raises(ApiError) as caught:
            await transport.request("PATCH", PATH, body={})
    assert (caught.value.code, caught.value.message) == (403, "you may not")
    assert len(calls) == 1


async def test_write_has_a_timeout_for_the_server() -> None:
    """A write names a timeout shorter than the client's; a read names none."""
    server = _Postponing(0)
    async with connected(server.answer) as transport:
        await transport.request("PATCH", PATH, body={}, params={"force": "true"})
        await transport.request("GET", PATH)
    write, read = server.requests
    assert write.query["force"] == "true"
    assert 0 < float(write.query["timeout"].removesuffix("s")) < Settings().request_timeout
    assert "timeout" not in read.query


async def test_fence() -> None:
    """A process that may have lost the Lease reads, but does not write."""
    server = _Postponing(0)
    async with connected(server.answer) as transport:
        transport.fence(lambda: False)
        await transport.request("GET", PATH)
        with pytest.raises(TimeoutError, match="Lease"):
            await transport.request("PATCH", PATH, body={})
    assert len(server.requests) == 1


async def test_stream() -> None:
    """Events of any length are read line by line, and an ERROR event is raised."""
    long = {"metadata": {"name": "x" * 2**17}}
    events = [
        {"type": "ADDED", "object": long},
        {"type": "BOOKMARK", "object": {}},
        {"type": "ERROR", "object": {"code": 410, "message": "too old"}},
    ]

    async def watch(request: web.Request) -> web.StreamResponse:
        assert request.query["watch"] == "true"
        return web.Response(text="".join(f"{json.dumps(event)}\n" for event in events))

    async with connected(watch) as transport, transport.stream(PATH, {}) as stream:
        assert await anext(stream) == ("ADDED", long)
        assert await anext(stream) == ("BOOKMARK", {})
        with pytest.raises(ApiError, match="too old") as caught:
            await anext(stream)
    assert caught.value.code == 410
