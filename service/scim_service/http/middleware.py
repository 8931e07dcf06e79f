"""The middleware around the application: request ids, tokens, limits, base path and logs.

It is plain ASGI, since a middleware class of the framework costs a task for each request.
"""

import asyncio
import logging
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from time import perf_counter
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scim_service.entra.urls import merge_slashes
from scim_service.http.client_address import TrustedProxies, read_sender
from scim_service.http.failures import RETRY_SOON, describe_failure
from scim_service.http.messages import CLIENT_GONE, STATE, build_error_response, find_header
from scim_service.http.rate_limit import Penalties, RateLimit
from scim_service.logs import tenant_in_logs
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
_LOGGED_PATH = 512
"""The most characters of a path in the access log."""

_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="scim"'}
_CLOSE = {**_CHALLENGE, "Connection": "close", "Retry-After": "60"}
_TOO_SLOW = errors.ScimError(
    503,
    "The request timed out. A write may have been applied: read the resource before you repeat it.",
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
    "The bearer token is missing or not accepted, as were those of very many other requests within"
    " a second; correct the token.",
)


class Middleware:
    """The application that clients reach: it authenticates requests, and routes them to another.

    Parameters
    ----------
    application
        The routes below the tenant's base path.
    access_log
        Takes the line of each request.
    proxies
        The proxies that are trusted to name the client.
    sleep
        Delays answers to wrong tokens.
    """

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
        self._correct_endpoint = tenant.rules.dialect.correct_endpoint
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

        tenant_token = tenant_in_logs.set(self._tenant.config.name)
        try:
            async with asyncio.timeout(self._request_seconds) as limit:
                await self._serve(scope, receive, send_with_id, context)
        except Exception as error:
            refusal, headers = _TOO_SLOW, RETRY_SOON
            # An error within the application comes here after it was answered there.
            if not limit.expired() and not context.failed:
                refusal, headers = describe_failure(error, context)
            if status == 0:
                await _build_refusal(context, refusal, headers)(scope, receive, send_with_id)
        finally:
            if context.held:
                self._tenant.body_memory.give_back(context.held)
            self._log(scope, context, status or CLIENT_GONE)
            tenant_in_logs.reset(tenant_token)

    async def _serve(
        self, scope: Scope, receive: Receive, send: Send, context: RequestContext
    ) -> None:
        tenant = self._tenant
        authorization = find_header(scope, b"authorization")
        # Compared before anything waits, so that wrong tokens cannot delay a right one.
        token = tenant.tokens.authenticate(authorization)
        if token is None or authorization is None:
            await self._reject_token(scope, receive, send, context)
            return
        context.token_id = token.id
        context.operation = _name_operation(scope)
        context.probe = (
            context.operation == "read" and find_header(scope, b"scim-probe") is not None
        )
        # A probe that counted as a use would retire the old token while Entra still sends it.
        if context.probe:
            tenant.activity.note_probe()
        else:
            tenant.activity.note_request(token.id)
            tenant.tokens.prove(token, authorization)
        seconds = self._rate_limit.admit()
        if seconds is not None:
            headers = {"Retry-After": str(seconds)}
            await _build_refusal(context, _TOO_MANY, headers)(scope, receive, send)
            return
        path = self._inner_path(scope["path"])
        if path is None:
            error = errors.not_found(f"The tenant is served under {self._base_path}, not here.")
            await _build_refusal(context, error)(scope, receive, send)
            return
        context.base = tenant.config.tenant_url or self._derive_base(scope)
        inner = {**scope, "path": path, "raw_path": path.encode(), "root_path": "", STATE: context}
        if scope["method"] == "HEAD":
            # The server omits the body.
            inner["method"] = "GET"
        await self._application(inner, receive, send)

    async def _reject_token(
        self, scope: Scope, receive: Receive, send: Send, context: RequestContext
    ) -> None:
        """Answer a request without an accepted token, and count it."""
        self._tenant.activity.count_unauthenticated()
        self._tenant.metrics.count_unauthenticated()
        delay = self._penalties.note_failure(context.source)
        if delay is None:
            context.logged = False
            await build_error_response(_TOO_MANY_FAILURES, _CLOSE)(scope, receive, send)
            return
        if delay:
            await self._sleep(delay)
        await _build_refusal(context, _NOT_AUTHENTICATED, _CHALLENGE)(scope, receive, send)

    def _inner_path(self, path: str) -> str | None:
        """Return the path within the tenant, None outside of it."""
        base = self._base_path
        if not path.startswith(base):
            return None
        inner = path[len(base) :]
        if inner and inner[0] != "/":
            return None
        inner = merge_slashes(inner)
        if inner.startswith(_VERSION) and inner[len(_VERSION) :][:1] in {"", "/"}:
            inner = inner[len(_VERSION) :]
        inner = inner.rstrip("/") or "/"
        return self._correct_endpoint(inner)

    def _derive_base(self, scope: Scope) -> str:
        host = find_header(scope, b"host") or ""
        if not _HOST.fullmatch(host):
            host = "localhost"
        return f"{scope['scheme']}://{host}{self._base_path}"

    def _log(self, scope: Scope, context: RequestContext, status: int) -> None:
        method = scope["method"] if scope["method"] in _METHODS else "other"
        seconds = perf_counter() - context.started
        tenant = self._tenant
        tenant.metrics.count_request(method, context.resource_type or "none", status, seconds)
        if context.token_id is not None and status != CLIENT_GONE:
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
            line["reason"] = (
                "The client closed the connection." if status == CLIENT_GONE else context.reason
            )
        if context.skipped:
            line["skipped"] = sorted(each.name for each in context.skipped)
        if context.dropped:
            line["membersDropped"] = context.dropped
        self._access_log(line)


def _build_refusal(
    context: RequestContext, error: errors.ScimError, headers: Mapping[str, str] | None = None
) -> ASGIApp:
    context.note_refusal(error)
    return build_error_response(error, headers)


def _name_operation(scope: Scope) -> str:
    """Return the operation that a request's head names; a search by POST is a read."""
    method = scope["method"]
    if method == "POST" and scope["path"].rstrip("/").endswith("/.search"):
        return "read"
    return OPERATIONS.get(method, "read")
