"""The management port: for the operator and for Prometheus, never for clients of SCIM."""

from typing import Annotated

import orjson
from fastapi import FastAPI, Query, Request, Response
from fastapi.responses import PlainTextResponse

from scim_service import __version__
from scim_service.http.service import Service
from scim_service.metrics import CONTENT_TYPE
from scim_service.store.database import DatabaseError


def management_application(service: Service) -> FastAPI:
    """Return the application of the management port (``docs/contract.md`` section 3)."""
    application = FastAPI(title="scim-service management", openapi_url=None)

    @application.get("/-/healthz")
    async def healthz(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    @application.get("/-/readyz")
    async def readyz(_: Request) -> Response:
        missing = await _missing(service)
        if missing:
            return PlainTextResponse("\n".join(missing) + "\n", 503)
        return PlainTextResponse("ready\n")

    @application.get("/-/status")
    async def status(_: Request) -> Response:
        tokens = [token.id for token in service.tokens.current()]
        document = {
            "version": __version__,
            "tenant": service.tenant.tenant,
            **await service.activity.status(tokens),
        }
        return Response(orjson.dumps(document), media_type="application/json")

    @application.get("/-/activity")
    async def activity(
        _: Request,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        refused: bool = False,
    ) -> Response:
        lines = await service.activity.recent(limit=limit, refused=refused)
        return Response(orjson.dumps({"activity": lines}), media_type="application/json")

    @application.get("/metrics")
    async def metrics(_: Request) -> Response:
        counts = await service.repository.counts()
        body = service.metrics.render(
            users=counts.users, active_users=counts.active_users, groups=counts.groups
        )
        return Response(body, media_type=CONTENT_TYPE)

    @application.exception_handler(DatabaseError)
    async def unavailable(_: Request, error: DatabaseError) -> Response:
        return PlainTextResponse(f"{error}\n", 503)

    return application


async def _missing(service: Service) -> list[str]:
    """Return what keeps the tenant from being served."""
    missing: list[str] = []
    try:
        await service.repository.counts()
    except DatabaseError as error:
        missing.append(f"database: {error}")
    if not service.tokens.current():
        missing.append(f"tokens: {service.tokens.problem or 'none is loaded'}")
    return missing
