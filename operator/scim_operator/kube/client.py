"""The only file that talks to the API server: requests, server-side apply, lists, watches, events.

Writes are server-side applies under one field manager, so that the API server itself keeps apart
what the operator and what others have set. The number of requests in flight is bounded, and a
server that asks for time (429, Retry-After) gets it from all of them.
"""

from __future__ import annotations

import asyncio
import json
import random
import ssl
import time
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Self

import aiohttp
from kubernetes.aio.client import Configuration
from kubernetes.aio.config import ConfigException, load_incluster_config, load_kube_config

from scim_operator import __version__, metrics
from scim_operator.api import names
from scim_operator.api.tenant import Key
from scim_operator.clock import Clock
from scim_operator.kube.errors import ApiError
from scim_operator.kube.kinds import EVENT, Kind, describe
from scim_operator.settings import Settings
from scim_operator.timestamps import format_timestamp

Object = dict[str, Any]

_APPLY = "application/apply-patch+yaml"
_JSON = "application/json"
_JSON_PATCH = "application/json-patch+json"
_MERGE = "application/merge-patch+json"
_NO_VERSION = "1"
_PAGE = 200
"""Objects in a page of a list. Parsed, they take twenty times the memory that is kept of them."""
_READ_BUFFER = 2**20
_TOO_OFTEN = 3
"""Attempts at a request that the server puts off; after that its tenant waits in the queue."""


class KubeClient:
    """A client of one API server; made by `connect`.

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

    def fence(self, may_write: Callable[[], bool]) -> None:
        """Send no write while ``may_write`` says no.

        A process that was frozen learns only later that another one works in its place.
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
            connector=aiohttp.TCPConnector(limit=0, ssl=self._tls()),
            headers={"User-Agent": f"{names.MANAGER}/{__version__}"},
            middlewares=(*middlewares, self._instrument),
            read_bufsize=_READ_BUFFER,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Object | None:
        """Read an object; None if it is not there.

        Raises
        ------
        ApiError
            The API server refuses for another reason than that.
        """
        try:
            return await self.request("GET", kind.path(namespace, name))
        except ApiError as refusal:
            if refusal.code == 404:
                return None
            raise

    async def apply(
        self, kind: Kind, wanted: Object, *, force: bool, subresource: str = ""
    ) -> Object:
        """Apply an object; without force, fields that others have set differently are a 409."""
        metadata = wanted["metadata"]
        path = kind.path(metadata["namespace"], metadata["name"])
        return await self.request(
            "PATCH",
            f"{path}/{subresource}" if subresource else path,
            body={"apiVersion": kind.api_version, "kind": kind.name} | wanted,
            content_type=_APPLY,
            params={"fieldManager": names.MANAGER, "force": "true" if force else "false"},
        )

    async def patch(self, kind: Kind, live: Object, operations: list[Object]) -> Object:
        """Change an object by a JSON patch; one that names its version is a 409 on another."""
        metadata = live["metadata"]
        return await self.request(
            "PATCH",
            kind.path(metadata["namespace"], metadata["name"]),
            body=operations,
            content_type=_JSON_PATCH,
            params={"fieldManager": names.MANAGER},
        )

    async def apply_new(self, kind: Kind, wanted: Object) -> Object:
        """Apply an object that must not be there yet; one of that name is a 409.

        As an apply and not as a POST, because what is wanted no longer later would otherwise stay:
        the API server would keep it as set by a create. No object has the version that this one is
        applied to, and where there is no object the API server does not look at it.
        """
        metadata = wanted["metadata"] | {"resourceVersion": _NO_VERSION}
        return await self.apply(kind, wanted | {"metadata": metadata}, force=True)

    async def merge(self, kind: Kind, live: Object, change: Object) -> Object:
        """Change fields of that very object; a 409 if another one has its name."""
        metadata = live["metadata"]
        of_it = change.get("metadata", {}) | {"uid": metadata["uid"]}
        return await self.request(
            "PATCH",
            kind.path(metadata["namespace"], metadata["name"]),
            body=change | {"metadata": of_it},
            content_type=_MERGE,
            params={"fieldManager": names.MANAGER},
        )

    async def create(self, kind: Kind, wanted: Object) -> Object:
        """Create an object; one of that name is a 409."""
        return await self.request(
            "POST",
            kind.path(wanted["metadata"].get("namespace")),
            body=wanted,
            params={"fieldManager": names.MANAGER},
        )

    async def update(self, kind: Kind, wanted: Object) -> Object:
        """Replace an object; a 409 if it has changed since it was read."""
        metadata = wanted["metadata"]
        return await self.request(
            "PUT", kind.path(metadata["namespace"], metadata["name"]), body=wanted
        )

    async def delete(self, kind: Kind, namespace: str, name: str, uid: str) -> None:
        """Delete that very object; one that is gone already is well."""
        try:
            await self.request(
                "DELETE",
                kind.path(namespace, name),
                body={
                    "apiVersion": "v1",
                    "kind": "DeleteOptions",
                    "preconditions": {"uid": uid},
                    "propagationPolicy": "Background",
                },
            )
        except ApiError as refusal:
            if refusal.code not in (404, 409):
                raise

    async def post_event(
        self, key: Key, uid: str, reason: str, message: str, *, warning: bool
    ) -> None:
        """Tell of a transition of a tenant, for ``kubectl describe``."""
        now = self.clock.now()
        event = {
            "apiVersion": EVENT.api_version,
            "kind": EVENT.name,
            "metadata": {
                "name": f"{key.name}.{uuid.uuid4().hex[:16]}",
                "namespace": key.namespace,
            },
            "involvedObject": {
                "apiVersion": names.API_VERSION,
                "kind": names.KIND,
                "namespace": key.namespace,
                "name": key.name,
                "uid": uid,
            },
            "type": "Warning" if warning else "Normal",
            "reason": reason,
            "message": message[:1024],
            "source": {"component": names.MANAGER},
            "reportingComponent": names.MANAGER,
            "reportingInstance": self._settings.holder,
            "firstTimestamp": format_timestamp(now),
            "lastTimestamp": format_timestamp(now),
            "count": 1,
        }
        await self.create(EVENT, event)

    async def pages(
        self, kind: Kind, namespace: str | None, selector: str
    ) -> AsyncIterator[tuple[list[Object], str]]:
        """Yield the selected objects in pages, each with the version of the whole list.

        Raises
        ------
        ApiError
            With 410 if the server no longer has that version: begin again.
        """
        params = {"limit": str(_PAGE), "labelSelector": selector}
        while True:
            page = await self.request("GET", kind.path(namespace), params=params)
            yield page["items"], page["metadata"]["resourceVersion"]
            if not page["metadata"].get("continue"):
                return
            params["continue"] = page["metadata"]["continue"]

    @asynccontextmanager
    async def watch(
        self, kind: Kind, namespace: str | None, selector: str, version: str
    ) -> AsyncIterator[AsyncIterator[tuple[str, Object]]]:
        """Open the stream of changes after a version, as (type, object), until the server ends it.

        Raises
        ------
        ApiError
            When it is opened, or with 410 from within if the version is too old: list again.
        TimeoutError
            Nothing came for ``watch_timeout``, not even the server's sign of life.
        """
        silence = self._settings.watch_timeout
        params = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "labelSelector": selector,
            # Not all streams at the same moment.
            "timeoutSeconds": str(random.randint(240, 360)),  # noqa: S311
        }
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=silence)
        url = self.server + kind.path(namespace)
        async with self._session.get(url, params=params, timeout=timeout) as response:
            await _check(response)
            yield _events(response.content)

    async def request(
        self,
        method: str,
        path: str,
        *,
        body: Object | list[Object] | None = None,
        content_type: str = _JSON,
        params: Mapping[str, str] | None = None,
    ) -> Object:
        """Send one request and return the answer.

        Raises
        ------
        ApiError
            The answer is not a success.
        aiohttp.ClientError, TimeoutError, OSError
            There is no answer; the request may have been carried out all the same. TimeoutError
            also where the `fence` holds it back.
        """
        data = None if body is None else json.dumps(body, separators=(",", ":"))
        if method != "GET":
            # Or what holds up the API server would outlast the request, and not even be named.
            params = {**(params or {}), "timeout": f"{self._settings.request_timeout * 0.9:.1f}s"}
        timeout = aiohttp.ClientTimeout(total=self._settings.request_timeout)
        for attempt in range(1, _TOO_OFTEN + 1):
            async with self._slots:
                await self._wait_as_asked()
                if method != "GET" and not self._may_write():
                    raise TimeoutError("the Lease was not renewed in time, nothing is written")
                async with self._session.request(
                    method,
                    self.server + path,
                    data=data,
                    params=params,
                    timeout=timeout,
                    headers={"Content-Type": content_type},
                ) as response:
                    try:
                        await _check(response)
                    except ApiError as refusal:
                        refusal.what = f"{method} of {describe(path)}"
                        if refusal.retry_after is None or attempt == _TOO_OFTEN:
                            raise
                        self._not_before = max(
                            self._not_before, time.monotonic() + refusal.retry_after
                        )
                        continue
                    answer: Object = json.loads(await response.read())
                    return answer
        raise AssertionError("the last attempt returns or raises")

    async def _wait_as_asked(self) -> None:
        seconds = self._not_before - time.monotonic()
        if seconds > 0:
            # Spread, or everything that waited would come at the same moment.
            await asyncio.sleep(seconds * random.uniform(1, 1.2))  # noqa: S311

    async def _instrument(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        # Asked for at every request: the token of a pod's account is replaced every hour.
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

    def _tls(self) -> ssl.SSLContext:
        configuration = self._configuration
        context = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
        if configuration.cert_file:
            context.load_cert_chain(configuration.cert_file, configuration.key_file)
        if not configuration.verify_ssl:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


async def _check(response: aiohttp.ClientResponse) -> None:
    if response.status < 400:
        return
    text = await response.text()
    try:
        answer = json.loads(text)
    except ValueError:
        answer = {}
    asked = response.headers.get("Retry-After", "")
    raise ApiError(
        response.status,
        answer.get("message") or text[:500],
        reason=answer.get("reason") or "",
        retry_after=float(asked) if asked.isdigit() else None,
    )


async def _events(content: aiohttp.StreamReader) -> AsyncIterator[tuple[str, Object]]:
    async for line in _lines(content):
        event = json.loads(line)
        body = event["object"]
        if event["type"] == "ERROR":
            raise ApiError(body.get("code", 500), body.get("message", ""))
        yield event["type"], body


async def _lines(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    # Not by readline: an object can be longer than its limit.
    rest = b""
    async for chunk in content.iter_any():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line:
                yield line


UNREACHABLE = (aiohttp.ClientError, TimeoutError, OSError)
"""What a request raises when there is no answer at all."""
