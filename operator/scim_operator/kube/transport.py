"""Sends requests to the API server: authentication, TLS, limits, retries, streams.

The number of requests in flight is bounded. When the API server asks the operator to wait (429 or
Retry-After), all requests wait.
"""

from __future__ import annotations

import asyncio
import json
import random
import ssl
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Self

import aiohttp
from kubernetes.aio.client import Configuration
from kubernetes.aio.config import ConfigException, load_incluster_config, load_kube_config

from scim_operator import __version__, metrics
from scim_operator.api import names
from scim_operator.clock import Clock
from scim_operator.kube.errors import ApiError
from scim_operator.kube.kinds import Object, describe
from scim_operator.settings import Settings

UNREACHABLE = (aiohttp.ClientError, TimeoutError, OSError)
"""What a request raises when the API server does not answer."""

JSON = "application/json"

_ATTEMPTS = 3
"""Attempts at a request that the API server postpones. Then its tenant waits in the queue."""
_SERVER_TIME = 0.9
"""Part of the request timeout that the API server may use."""
_READ_BUFFER_BYTES = 2**20
_CONNECT_SECONDS = 10.0
_WATCH_SECONDS = (240, 360)


class Transport:
    """A session with one API server; create it with `connect`.

    Attributes
    ----------
    clock
        The API server's time.
    """

    def __init__(self, settings: Settings, configuration: Configuration) -> None:
        self.clock = Clock()
        self._settings = settings
        self._configuration = configuration
        self._slots = asyncio.Semaphore(settings.max_in_flight)
        self._not_before = 0.0
        self._may_write: Callable[[], bool] = lambda: True
        self._session = self.session()

    @classmethod
    async def connect(cls, settings: Settings) -> Self:
        """Find the API server and the credentials: the pod's own, or a kubeconfig.

        Raises
        ------
        kubernetes.aio.config.ConfigException
            There is neither.
        """
        configuration = Configuration()
        if settings.kubeconfig:
            await load_kube_config(settings.kubeconfig, client_configuration=configuration)  # type: ignore[no-untyped-call]
        else:
            try:
                load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
            except ConfigException:
                await load_kube_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        return cls(settings, configuration)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    def fence(self, may_write: Callable[[], bool]) -> None:
        """Send no write while ``may_write`` returns False.

        A process that was frozen does not know yet that another process leads.
        """
        self._may_write = may_write

    @property
    def server(self) -> str:
        """URL of the API server."""
        host: str = self._configuration.host
        return host.rstrip("/")

    def session(self, *middlewares: aiohttp.ClientMiddlewareType) -> aiohttp.ClientSession:
        """Open a session that authenticates and counts every request."""
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=self._create_tls_context()),
            headers={"User-Agent": f"{names.MANAGER}/{__version__}"},
            middlewares=(*middlewares, self._authenticate_and_count),
            read_bufsize=_READ_BUFFER_BYTES,
        )

    async def request(
        self,
        method: str,
        path: str,
        *,
        body: Object | list[Object] | None = None,
        content_type: str = JSON,
        params: Mapping[str, str] | None = None,
    ) -> Object:
        """Send a request and return the answer; repeat it if the API server postpones it.

        Raises
        ------
        ApiError
            The answer is not a success.
        aiohttp.ClientError, TimeoutError, OSError
            There is no answer. The API server may have carried out the request. TimeoutError
            also if `fence` forbids the write.
        """
        options: dict[str, Any] = {
            "data": None if body is None else json.dumps(body, separators=(",", ":")),
            "params": params,
            "timeout": aiohttp.ClientTimeout(total=self._settings.request_timeout),
            "headers": {"Content-Type": content_type},
        }
        if method != "GET":
            # The API server then answers before our timeout, and names what delays it.
            seconds = self._settings.request_timeout * _SERVER_TIME
            options["params"] = {**(params or {}), "timeout": f"{seconds:.1f}s"}
        for _ in range(_ATTEMPTS - 1):
            try:
                return await self._send(method, path, options)
            except ApiError as error:
                if error.retry_after is None:
                    raise
                self._not_before = max(self._not_before, time.monotonic() + error.retry_after)
        return await self._send(method, path, options)

    @asynccontextmanager
    async def stream(
        self, path: str, params: Mapping[str, str]
    ) -> AsyncIterator[AsyncIterator[tuple[str, Object]]]:
        """Open a watch; yield its events as (type, object) until the API server ends it.

        Raises
        ------
        ApiError
            When it is opened, or from within.
        TimeoutError
            Nothing arrived for ``watch_timeout``, not even a bookmark.
        """
        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=_CONNECT_SECONDS, sock_read=self._settings.watch_timeout
        )
        # Random, so that the streams do not all end at the same time.
        seconds = str(random.randint(*_WATCH_SECONDS))  # noqa: S311
        options = {**params, "watch": "true", "timeoutSeconds": seconds}
        async with self._session.get(
            self.server + path, params=options, timeout=timeout
        ) as response:
            await _check(response, "GET", path)
            yield _read_events(response.content)

    async def _send(self, method: str, path: str, options: Mapping[str, Any]) -> Object:
        async with self._slots:
            await self._wait_as_asked()
            if method != "GET" and not self._may_write():
                raise TimeoutError("the Lease was not renewed in time, so nothing is written")
            async with self._session.request(method, self.server + path, **options) as response:
                await _check(response, method, path)
                answer: Object = json.loads(await response.read())
                return answer

    async def _wait_as_asked(self) -> None:
        seconds = self._not_before - time.monotonic()
        if seconds > 0:
            # Spread, so that the requests that waited do not arrive at the same time.
            await asyncio.sleep(seconds * random.uniform(1, 1.2))  # noqa: S311

    async def _authenticate_and_count(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        # For every request: the token of a pod's service account is replaced every hour.
        authorization = await self._configuration.get_api_key_with_prefix("BearerToken")
        if authorization:
            request.headers["Authorization"] = authorization
        host = request.url.authority
        began = time.monotonic()
        code = "<error>"
        try:
            response = await handler(request)
            code = str(response.status)
            self.clock.observe(response.headers.get("Date"))
        finally:
            metrics.REQUESTS.labels(code, request.method, host).inc()
            metrics.REQUEST_TIME.labels(request.method, host).observe(time.monotonic() - began)
        return response

    def _create_tls_context(self) -> ssl.SSLContext:
        configuration = self._configuration
        context = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
        if configuration.cert_file:
            context.load_cert_chain(configuration.cert_file, configuration.key_file)
        if not configuration.verify_ssl:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


async def _check(response: aiohttp.ClientResponse, method: str, path: str) -> None:
    """Raise an `ApiError` if the answer is not a success."""
    if response.status < 400:
        return
    text = await response.text()
    try:
        answer = json.loads(text)
    except ValueError:
        answer = {}
    seconds = response.headers.get("Retry-After", "")
    raise ApiError(
        response.status,
        answer.get("message") or text[:500],
        reason=answer.get("reason") or "",
        retry_after=float(seconds) if seconds.isdigit() else None,
        request=f"{method} of {describe(path)}",
    )


async def _read_events(content: aiohttp.StreamReader) -> AsyncIterator[tuple[str, Object]]:
    async for line in _read_lines(content):
        event = json.loads(line)
        body = event["object"]
        if event["type"] == "ERROR":
            raise ApiError(body.get("code", 500), body.get("message", ""))
        yield event["type"], body


async def _read_lines(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    # Not by readline: an object can be longer than its limit.
    rest = b""
    async for chunk in content.iter_any():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line:
                yield line
