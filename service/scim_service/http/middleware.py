"""The gate: every request passes here before it is routed, and every answer on its way out.

It is plain ASGI, since a middleware class of the framework costs a task for each request. It
gives the request an id, strips the tenant's base path, asks for the token, and writes the access
log, the metrics and the activity.
"""

import asyncio
import logging
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from time import perf_counter
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scim_service.http.client_address import said
from scim_service.http.failures import RETRY_SOON, answer_to
from scim_service.http.messages import GONE, STATE, error_response, header
from scim_service.http.rate_limit import Penalties, RateLimit
from scim_service.scim import errors
from scim_service.scim.budget import Budget
from scim_service.scim.filter.tree import shorten
from scim_service.store.clock import format_time
from scim_service.tenant.context import OPERATIONS, RequestContext
from scim_service.tenant.tenant import Service

AccessLog = Callable[[dict[str, Any]], None]
Sleep = Callable[[float], Awaitable[None]]

_logger = logging.getLogger(__name__)

_VERSION = "/v2"
_METHODS = {"GET", "HEAD", "OPTIONS", *OPERATIONS}
_HOST = re.compile(r"[A-Za-z0-9._:\[\]-]+")
_ENDPOINTS = {
    name.lower(): name
    for name in (
        "Users",
        "Groups",
        "Bulk",
        "Me",
        "Schemas",
        "ResourceTypes",
        "ServiceProviderConfig",
    )
}
_LOGGED_PATH = 512
"""Characters of a path that the access log has at most."""

_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="scim"'}
_SHUT = {**_CHALLENGE, "Connection": "close", "Retry-After": "60"}
_TOO_SLOW = errors.ScimError(
    503, "The request took too long and was given up; look before you repeat it."
)
_TOO_MANY = errors.ScimError(
    429, "The tenant gets more requests than its rate limit allows; repeat this one later."
)
_NOT_AUTHENTICATED = errors.ScimError(
    401,
    "The bearer token is missing or not accepted. In the Entra admin center, paste the tenant's"
    " current secret token into Provisioning, Admin Credentials, Secret Token.",
)
_TOO_MANY_FAILURES = errors.ScimError(
    429,
    "The bearer token is missing or not accepted, and so were those of very many other requests in"
    " this second; correct the token.",
)


class Gate:
    """The outermost application."""

    def __init__(
        self,
        application: ASGIApp,
        service: Service,
        access_log: AccessLog,
        sleep: Sleep,
    ) -> None:
        self._application = application
        self._service = service
        self._access_log = access_log
        self._base_path = service.tenant.base_path
        self._comparisons = service.limits.comparisons
        self._request_seconds = service.limits.request_seconds
        self._source_of = service.sources.of
        self._rate_limit = RateLimit(service.limits.rate)
        self._penalties = Penalties()
        self._sleep = sleep

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http":
            return
        call = RequestContext(
            secrets.token_hex(8),
            perf_counter(),
            Budget(self._comparisons),
            self._source_of(scope),
            scope.get("client"),
            *said(scope),
        )
        request_id = (b"x-request-id", call.request_id.encode())
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"].append(request_id)
            await send(message)

        try:
            async with asyncio.timeout(self._request_seconds) as limit:
                await self._serve(scope, receive, send_with_id, call)
        except Exception as error:
            refusal, headers = _TOO_SLOW, RETRY_SOON
            # What failed within the application comes here after it was answered there.
            if not limit.expired() and not call.failed:
                refusal, headers = answer_to(error, call)
            if status == 0:
                await _refuse(call, refusal, headers)(scope, receive, send_with_id)
        finally:
            if call.held:
                call.release()
            self._note(scope, call, status or GONE)

    async def _serve(
        self, scope: Scope, receive: Receive, send: Send, call: RequestContext
    ) -> None:
        service = self._service
        authorization = header(scope, b"authorization")
        # Compared before anything waits: no number of wrong tokens keeps a good one out.
        token = service.tokens.authenticate(authorization)
        if token is None or authorization is None:
            await self._turn_away(scope, receive, send, call)
            return
        call.token_id = token.id
        call.operation = _operation(scope)
        call.probe = call.operation == "read" and header(scope, b"scim-probe") is not None
        # Or else a look at the tenant would retire the old token while Entra still sends it.
        if call.probe:
            service.activity.probed()
        else:
            service.activity.requested(token.id)
            service.tokens.prove(token, authorization)
        seconds = self._rate_limit.retry_after()
        if seconds is not None:
            headers = {"Retry-After": str(seconds)}
            await _refuse(call, _TOO_MANY, headers)(scope, receive, send)
            return
        path = self._inner_path(scope["path"])
        if path is None:
            error = errors.not_found(f"The tenant is served under {self._base_path}, not here.")
            await _refuse(call, error)(scope, receive, send)
            return
        call.base = service.tenant.tenant_url or self._derived_base(scope)
        inner = {**scope, "path": path, "raw_path": path.encode(), "root_path": "", STATE: call}
        if scope["method"] == "HEAD":
            # The server leaves the body out by itself.
            inner["method"] = "GET"
        await self._application(inner, receive, send)

    async def _turn_away(
        self, scope: Scope, receive: Receive, send: Send, call: RequestContext
    ) -> None:
        """Answer a request without an accepted token, and count it."""
        self._service.activity.unauthenticated()
        self._service.metrics.unauthenticated()
        delay = self._penalties.failed(call.source)
        if delay is None:
            call.logged = False
            await error_response(_TOO_MANY_FAILURES, _SHUT)(scope, receive, send)
            return
        if delay:
            await self._sleep(delay)
        await _refuse(call, _NOT_AUTHENTICATED, _CHALLENGE)(scope, receive, send)

    def _inner_path(self, path: str) -> str | None:
        """Return the path within the tenant, None outside of it.

        A Tenant URL with a slash at its end makes Entra ask for ``//Users``.
        """
        base = self._base_path
        if not path.startswith(base):
            return None
        inner = path[len(base) :]
        if inner and inner[0] != "/":
            return None
        while "//" in inner:
            inner = inner.replace("//", "/")
        if inner.startswith(_VERSION) and inner[len(_VERSION) :][:1] in {"", "/"}:
            inner = inner[len(_VERSION) :]
        inner = inner.rstrip("/") or "/"
        if not self._service.rules.lenient:
            return inner
        # "Don't require a case-sensitive match on structural elements" (Microsoft's tutorial)
        endpoint, slash, rest = inner[1:].partition("/")
        return f"/{_ENDPOINTS.get(endpoint.lower(), endpoint)}{slash}{rest}"

    def _derived_base(self, scope: Scope) -> str:
        host = header(scope, b"host") or ""
        if not _HOST.fullmatch(host):
            host = "localhost"
        return f"{scope['scheme']}://{host}{self._base_path}"

    def _note(self, scope: Scope, call: RequestContext, status: int) -> None:
        method = scope["method"] if scope["method"] in _METHODS else "other"
        seconds = perf_counter() - call.started
        service = self._service
        service.metrics.observe(method, call.resource_type or "none", status, seconds)
        if call.token_id is not None and status != GONE:
            service.note(call, status)
        if not call.logged:
            return
        line: dict[str, Any] = {
            "time": format_time(service.repository.clock()),
            "level": "info" if status < 400 else "warning" if status < 500 else "error",
            "tenant": service.tenant.tenant,
            "request": call.request_id,
            "edgeRequest": call.edge_id,
            "token": call.token_id,
            "probe": call.probe,
            "method": method,
            "source": call.source,
            "agent": call.agent,
            "path": shorten(scope["path"], _LOGGED_PATH),
            "status": status,
            "ms": round(seconds * 1000, 3),
        }
        if status >= 400:
            line["scimType"] = call.scim_type
            line["reason"] = "The client has gone away." if status == GONE else call.reason
        if call.skipped:
            line["skipped"] = sorted(each.name for each in call.skipped)
        if call.dropped:
            line["membersDropped"] = call.dropped
        self._access_log(line)


def _refuse(
    call: RequestContext, error: errors.ScimError, headers: Mapping[str, str] | None = None
) -> ASGIApp:
    call.refused(error)
    return error_response(error, headers)


def _operation(scope: Scope) -> str:
    """Return what a request does, as far as its head tells; a search by POST changes nothing."""
    method = scope["method"]
    if method == "POST" and scope["path"].rstrip("/").endswith("/.search"):
        return "read"
    return OPERATIONS.get(method, "read")
