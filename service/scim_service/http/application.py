"""The application of the SCIM port."""

import asyncio

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match
from starlette.types import ASGIApp

from scim_service import __version__
from scim_service.http.bulk import add_bulk_routes
from scim_service.http.client_address import TrustedProxies
from scim_service.http.discovery import add_discovery_routes
from scim_service.http.failures import EXPECTED, describe_failure
from scim_service.http.messages import CLIENT_GONE, build_error_response, get_context
from scim_service.http.middleware import AccessLog, Middleware, Sleep
from scim_service.http.resources import add_resource_routes
from scim_service.http.search import add_search_routes
from scim_service.scim import errors
from scim_service.scim.errors import shorten
from scim_service.tenant.tenant import Tenant


def scim_application(
    tenant: Tenant,
    access_log: AccessLog,
    proxies: TrustedProxies,
    sleep: Sleep = asyncio.sleep,
) -> ASGIApp:
    """Return the application that serves SCIM; `sleep` delays answers to wrong tokens."""
    application = FastAPI(
        title="scim-service",
        version=__version__,
        openapi_url=None,
        redirect_slashes=False,
        # The middleware has metrics and logs; to look for a provider costs time on each request.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    # Routes are tried in this order, so the most frequent ones come first. All are added to the
    # application's own router: an included router is matched twice.
    for operations in (tenant.users, tenant.groups):
        add_resource_routes(application.router, operations, tenant)
    add_discovery_routes(application.router, tenant.registry, tenant.limits)
    add_bulk_routes(application.router, tenant)
    add_search_routes(application.router, tenant)
    application.add_exception_handler(errors.ScimError, _answer_refusal)
    application.add_exception_handler(HTTPException, _answer_no_route)
    application.add_exception_handler(ClientDisconnect, _answer_disconnect)
    for kind in (*EXPECTED, Exception):
        application.add_exception_handler(kind, _answer_failure)
    return Middleware(application, tenant, access_log, proxies, sleep)


def _respond(
    request: Request, error: errors.ScimError, headers: dict[str, str] | None = None
) -> Response:
    get_context(request).note_refusal(error)
    return build_error_response(error, headers)


async def _answer_refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, errors.ScimError)
    return _respond(request, error)


async def _answer_no_route(request: Request, error: Exception) -> Response:
    """Return a SCIM error for an unknown endpoint, or for a method that an endpoint has not."""
    assert isinstance(error, HTTPException)
    path = request.scope["path"]
    if error.status_code != 405:
        detail = f"There is no endpoint {shorten(path)}; /ResourceTypes lists them."
        return _respond(request, errors.ScimError(error.status_code, detail))
    # The framework names the methods of the first route only.
    methods = {
        method
        for route in request.app.routes
        if route.matches(request.scope)[0] is Match.PARTIAL
        for method in route.methods
    }
    allowed = ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))
    detail = f"{request.method} is not allowed on {shorten(path)}, but {allowed}."
    return _respond(request, errors.ScimError(405, detail), {"Allow": allowed})


async def _answer_disconnect(_: Request, __: Exception) -> Response:
    """End a request whose client closed the connection; the response goes nowhere."""
    return Response(status_code=CLIENT_GONE)


async def _answer_failure(request: Request, error: Exception) -> Response:
    refusal, headers = describe_failure(error, get_context(request))
    return _respond(request, refusal, headers)
