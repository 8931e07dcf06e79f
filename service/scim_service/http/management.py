"""The application of the management port, which the operator and Prometheus use."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

import orjson
from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, Field, ValidationError

from scim_service import __version__
from scim_service.http.messages import find_header
from scim_service.store.clock import Clock
from scim_service.store.database.errors import DatabaseError
from scim_service.tenant.metrics import CONTENT_TYPE
from scim_service.tenant.tenant import Tenant

CACHE_MICROSECONDS = 1_000_000
"""The time for which a value is answered from memory, which bounds the load on the database."""

PROBLEM_CHARACTERS = 300
"""The most characters of a problem in the service status."""

Value = TypeVar("Value")

_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="scim-management"'}
_NO_CREDENTIAL = (
    "This path requires the tenant's access credential: send the key token of the Secret"
    " <tenant>-scim-access as Authorization: Bearer. (Where the service runs alone, it takes the"
    " tokens of SCIM.)\n"
)


class _ActivityQuery(BaseModel):
    """The query parameters of ``/-/activity``.

    FastAPI is not asked to read them: for its own parameters it loads pydantic's first version,
    which takes 1.5 MB of each pod.
    """

    limit: int = Field(100, ge=1, le=1000)
    refused: bool = False
    request: str | None = Field(None, max_length=200, pattern="^[ -~]*$")


class _CredentialError(Exception):
    """The request has no accepted credential."""


class _Cached(Generic[Value]):
    """The last value of a function, for a second; an error is not kept."""

    def __init__(self, read: Callable[[], Awaitable[Value]], clock: Clock) -> None:
        self._read = read
        self._clock = clock
        self._lock = asyncio.Lock()
        self._kept: tuple[int, Value] | None = None

    async def get(self) -> Value:
        """Return the value, read again if it is older; readers wait for one another."""
        async with self._lock:
            now = self._clock()
            if self._kept is None or not 0 <= now - self._kept[0] < CACHE_MICROSECONDS:
                self._kept = now, await self._read()
            return self._kept[1]


def management_application(tenant: Tenant) -> FastAPI:
    """Return the application of the management port (``docs/contract.md`` section 3)."""
    application = FastAPI(title="scim-service management", openapi_url=None)
    _add_open_paths(application, tenant)
    _add_closed_paths(application, tenant)

    @application.exception_handler(DatabaseError)
    async def unavailable(_: Request, error: DatabaseError) -> Response:
        return PlainTextResponse(f"{error}\n", 503)

    @application.exception_handler(ValidationError)
    async def unprocessable(_: Request, error: ValidationError) -> Response:
        problems = [
            {**each, "loc": ("query", *each["loc"])} for each in error.errors(include_url=False)
        ]
        body = orjson.dumps({"detail": problems})
        return Response(body, 422, media_type="application/json")

    @application.exception_handler(_CredentialError)
    async def unauthenticated(_: Request, __: _CredentialError) -> Response:
        text = "\n".join([*_list_problems(tenant), _NO_CREDENTIAL])
        return PlainTextResponse(text, 401, _CHALLENGE)

    return application


def _add_open_paths(application: FastAPI, tenant: Tenant) -> None:
    """Add the paths without personal data, which need no credential."""
    counts = _Cached(tenant.repository.count_resources, tenant.repository.clock)

    async def render() -> bytes:
        found = await counts.get()
        # PostgreSQL has backup tools of its own, and their times are not known here.
        has_backups = tenant.repository.database.backend == "sqlite"
        return tenant.metrics.render(
            users=found.users,
            active_users=found.active_users,
            groups=found.groups,
            last_backup=await tenant.activity.read_last_backup() if has_backups else None,
            volume=await asyncio.to_thread(tenant.repository.database.volume),
        )

    page = _Cached(render, tenant.repository.clock)

    @application.get("/-/healthz")
    async def healthz(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    @application.get("/-/readyz")
    async def readyz(_: Request) -> Response:
        missing: list[str] = []
        try:
            await counts.get()
        except DatabaseError as error:
            missing.append(f"database: {error}")
        if not tenant.tokens.current() or tenant.tokens.is_closed:
            missing.append(f"tokens: {tenant.tokens.problem or 'none is loaded'}")
        if missing:
            return PlainTextResponse("\n".join(missing) + "\n", 503)
        # A problem of the management port's credential does not concern Entra.
        return PlainTextResponse("\n".join(["ready", *_list_problems(tenant)]) + "\n")

    @application.get("/metrics")
    async def metrics(_: Request) -> Response:
        return Response(await page.get(), media_type=CONTENT_TYPE)


def _add_closed_paths(application: FastAPI, tenant: Tenant) -> None:
    """Add the paths that require the access credential."""

    async def credential(request: Request) -> None:
        if tenant.access.authenticate(find_header(request.scope, b"authorization")) is None:
            tenant.metrics.count_management_unauthenticated()
            raise _CredentialError

    async def read() -> bytes:
        return orjson.dumps(await _read_status(tenant))

    document = _Cached(read, tenant.repository.clock)

    @application.get("/-/status", dependencies=[Depends(credential)])
    async def status(_: Request) -> Response:
        return Response(await document.get(), media_type="application/json")

    @application.get("/-/activity", dependencies=[Depends(credential)])
    async def activity(request: Request) -> Response:
        query = _ActivityQuery.model_validate(dict(request.query_params))
        lines = await tenant.activity.read_recent(
            limit=query.limit, refused=query.refused, request=query.request
        )
        return Response(orjson.dumps({"activity": lines}), media_type="application/json")


async def _read_status(tenant: Tenant) -> dict[str, Any]:
    tokens = tenant.tokens.current()
    activity = tenant.activity
    return {
        "version": __version__,
        "tenant": tenant.config.name,
        **await activity.read_status(),
        "tokens": [
            {
                "id": token.id,
                "lastUsed": activity.last_use(token.id),
                "proof": tenant.tokens.proof(token),
            }
            for token in tokens
        ],
        "problems": _list_problems(tenant),
    }


def _list_problems(tenant: Tenant) -> list[str]:
    """Return the problems of the files with tokens and credentials."""
    found: list[str] = []
    for tokens in (tenant.tokens, tenant.access):
        tokens.current()
        if tokens.problem is not None and tokens.problem not in found:
            found.append(tokens.problem)
    return [problem.encode("ascii", "replace").decode()[:PROBLEM_CHARACTERS] for problem in found]
