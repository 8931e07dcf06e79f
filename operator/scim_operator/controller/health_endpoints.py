"""Serves /healthz, /readyz and /metrics."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from scim_operator.settings import Settings


@contextlib.asynccontextmanager
async def serve(
    settings: Settings, *, ready: asyncio.Event, leading: asyncio.Event
) -> AsyncIterator[None]:
    """Serve while the context lasts.

    Parameters
    ----------
    ready
        Set once the cache is filled: /readyz then succeeds.
    leading
        Set while this process leads: /readyz says which of both it is.
    """

    async def answer_healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok")

    async def answer_readyz(_: web.Request) -> web.Response:
        if ready.is_set():
            return web.Response(text="leading" if leading.is_set() else "standing by")
        return web.Response(text="waiting for the API server, the CRD or a right", status=503)

    application = web.Application()
    application.router.add_get("/healthz", answer_healthz)
    application.router.add_get("/readyz", answer_readyz)
    application.router.add_get("/metrics", _answer_metrics)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    # Without an address the server listens on IPv4 and IPv6, or on the one that exists.
    site = web.TCPSite(runner, settings.bind_address or None, settings.port)
    await site.start()
    try:
        yield
    finally:
        await runner.cleanup()


async def _answer_metrics(_: web.Request) -> web.Response:
    # In a thread: with thousands of tenants, writing the text would delay a renewal of the Lease.
    body = await asyncio.to_thread(generate_latest)
    return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})
