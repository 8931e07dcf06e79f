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

from scim_service.http.client_address import TrustedProxies, read_sender
from scim_service.http.failures import RETRY_SOON, answer_to
from scim_service.http.messages import GONE, STATE, error_response, header
from scim_service.http.rate_limit import Penalties, RateLimit
from scim_service.scim import errors
from scim_service.scim.budget import Budget
from scim_service.scim.errors import shorten
from scim_service.store.clock import format_time
from scim_service.tenant.context import OPERATIONS, RequestContext
from scim_service.tenant.tenant import Tenant

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


class Middleware:
    """The outermost application."""

    def __init__(
        self,
        application: ASGIApp,
        tenant: Tenant,
        access_log: AccessLog,
        proxies: TrustedProxies,
        sleep: Sleep,
    ) -> None:
        self._application = application
        self._tenant = tenant
        self._access_log = access_log
        self._base_path = tenant.config.base_path
        self._comparisons = tenant.limits.comparisons
        self._request_seconds = tenant.limits.request_seconds
        self._find_client = proxies.find_client
        self._rate_limit = RateLimit(tenant.limits.rate)
        self._penalties = Penalties()
        self._sleep = sleep

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http":
            return
        context = RequestContext(
            secrets.token_hex(8),
            perf_counter(),
            Budget(self._comparisons),
            self._find_client(scope),
            scope.get("client"),
            *read_sender(scope),
        )
        request_id = (b"x-request-id", context.request_id.encode())
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"].append(request_id)
            await send(message)

        try:
            async with asyncio.timeout(self._request_seconds) as limit:
                await self._serve(scope, receive, send_with_id, context)
        except Exception as error:
            refusal, headers = _TOO_SLOW, RETRY_SOON
            # What failed within the application comes here after it was answered there.
            if not limit.expired() and not context.failed:
                refusal, headers = answer_to(error, context)
            if status == 0:
                await _refuse(context, refusal, headers)(scope, receive, send_with_id)
        finally:
            if context.held:
                self._tenant.body_memory.give_back(context.held)
            self._note(scope, context, status or GONE)

    async def _serve(
        self, scope: Scope, receive: Receive, send: Send, context: RequestContext
    ) -> None:
        tenant = self._tenant
        authorization = header(scope, b"authorization")
        # Compared before anything waits: no number of wrong tokens keeps a good one out.
        token = tenant.tokens.authenticate(authorization)
        if token is None or authorization is None:
            await self._turn_away(scope, receive, send, context)
            return
        context.token_id = token.id
        context.operation = _operation(scope)
        context.probe = context.operation == "read" and header(scope, b"scim-probe") is not None
        # Or else a look at the tenant would retire the old token while Entra still sends it.
        if context.probe:
            tenant.activity.probed()
        else:
            tenant.activity.requested(token.id)
            tenant.tokens.prove(token, authorization)
        seconds = self._rate_limit.retry_after()
        if seconds is not None:
            headers = {"Retry-After": str(seconds)}
            await _refuse(context, _TOO_MANY, headers)(scope, receive, send)
            return
        path = self._inner_path(scope["path"])
        if path is None:
            error = errors.not_found(f"The tenant is served under {self._base_path}, not here.")
            await _refuse(context, error)(scope, receive, send)
            return
        context.base = tenant.config.tenant_url or self._derived_base(scope)
        inner = {**scope, "path": path, "raw_path": path.encode(), "root_path": "", STATE: context}
        if scope["method"] == "HEAD":
            # The server leaves the body out by itself.
            inner["method"] = "GET"
        await self._application(inner, receive, send)

    async def _turn_away(
        self, scope: Scope, receive: Receive, send: Send, context: RequestContext
    ) -> None:
        """Answer a request without an accepted token, and count it."""
        self._tenant.activity.unauthenticated()
        self._tenant.metrics.unauthenticated()
        delay = self._penalties.failed(context.source)
        if delay is None:
            context.logged = False
            await error_response(_TOO_MANY_FAILURES, _SHUT)(scope, receive, send)
            return
        if delay:
            await self._sleep(delay)
        await _refuse(context, _NOT_AUTHENTICATED, _CHALLENGE)(scope, receive, send)

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
        if not self._tenant.rules.lenient:
            return inner
        # "Don't require a case-sensitive match on structural elements" (Microsoft's tutorial)
        endpoint, slash, rest = inner[1:].partition("/")
        return f"/{_ENDPOINTS.get(endpoint.lower(), endpoint)}{slash}{rest}"

    def _derived_base(self, scope: Scope) -> str:
        host = header(scope, b"host") or ""
        if not _HOST.fullmatch(host):
            host = "localhost"
        return f"{scope['scheme']}://{host}{self._base_path}"

    def _note(self, scope: Scope, context: RequestContext, status: int) -> None:
        method = scope["method"] if scope["method"] in _METHODS else "other"
        seconds = perf_counter() - context.started
        tenant = self._tenant
        tenant.metrics.observe(method, context.resource_type or "none", status, seconds)
        if context.token_id is not None and status != GONE:
            tenant.note_outcome(context, status)
        if not context.logged:
            return
        line: dict[str, Any] = {
            "time": format_time(tenant.repository.clock()),
            "level": "info" if status < 400 else "warning" if status < 500 else "error",
            "tenant": tenant.config.name,
            "request": context.request_id,
            "edgeRequest": context.edge_id,
            "token": context.token_id,
            "probe": context.probe,
            "method": method,
            "source": context.source,
            "agent": context.agent,
            "path": shorten(scope["path"], _LOGGED_PATH),
            "status": status,
            "ms": round(seconds * 1000, 3),
        }
        if status >= 400:
            line["scimType"] = context.scim_type
            line["reason"] = "The client has gone away." if status == GONE else context.reason
        if context.skipped:
            line["skipped"] = sorted(each.name for each in context.skipped)
        if context.dropped:
            line["membersDropped"] = context.dropped
        self._access_log(line)


def _refuse(
    context: RequestContext, error: errors.ScimError, headers: Mapping[str, str] | None = None
) -> ASGIApp:
    context.refused(error)
    return error_response(error, headers)


def _operation(scope: Scope) -> str:
    """Return what a request does, as far as its head tells; a search by POST changes nothing."""
    method = scope["method"]
    if method == "POST" and scope["path"].rstrip("/").endswith("/.search"):
        return "read"
    return OPERATIONS.get(method, "read")
