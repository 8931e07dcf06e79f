"""The application of the tenant's port."""

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
from scim_service.http.failures import EXPECTED, answer_to
from scim_service.http.messages import GONE, context_of, error_response
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
    """Return the application that serves SCIM; `sleep` holds answers to wrong tokens back."""
    application = FastAPI(
        title="scim-service",
        version=__version__,
        openapi_url=None,
        redirect_slashes=False,
        # The gate has the metrics and the log; looking for a provider costs time on each request.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    # Routes are tried in this order, so what is asked for most comes first.
    # They are added to the application's own router: an included one is matched twice.
    for operations in (tenant.users, tenant.groups):
        add_resource_routes(application.router, operations, tenant)
    add_discovery_routes(application.router, tenant.registry, tenant.limits)
    add_bulk_routes(application.router, tenant)
    add_search_routes(application.router, tenant)
    application.add_exception_handler(errors.ScimError, _refused)
    application.add_exception_handler(HTTPException, _not_routed)
    application.add_exception_handler(ClientDisconnect, _gone)
    for kind in (*EXPECTED, Exception):
        application.add_exception_handler(kind, _failed)
    return Middleware(application, tenant, access_log, proxies, sleep)


def _answer(
    request: Request, error: errors.ScimError, headers: dict[str, str] | None = None
) -> Response:
    context_of(request).refused(error)
    return error_response(error, headers)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, errors.ScimError)
    return _answer(request, error)


async def _not_routed(request: Request, error: Exception) -> Response:
    """Say in SCIM's terms that there is no such endpoint, or that it lacks the method."""
    assert isinstance(error, HTTPException)
    path = request.scope["path"]
    if error.status_code != 405:
        detail = f"There is no endpoint {shorten(path)}; /ResourceTypes lists them."
        return _answer(request, errors.ScimError(error.status_code, detail))
    # The framework names the methods of the first route only.
    methods = {
        method
        for route in request.app.routes
        if route.matches(request.scope)[0] is Match.PARTIAL
        for method in route.methods
    }
    allowed = ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))
    detail = f"{request.method} is not allowed on {shorten(path)}, but {allowed}."
    return _answer(request, errors.ScimError(405, detail), {"Allow": allowed})


async def _gone(_: Request, __: Exception) -> Response:
    """End a request whose body has broken off; nobody reads the answer."""
    return Response(status_code=GONE)


async def _failed(request: Request, error: Exception) -> Response:
    refusal, headers = answer_to(error, context_of(request))
    return _answer(request, refusal, headers)
