"""The management port: for the operator and for Prometheus, never for clients of SCIM."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Generic, TypeVar

import orjson
from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.responses import PlainTextResponse

from scim_service import __version__
from scim_service.http.messages import header
from scim_service.store.clock import Clock
from scim_service.store.database.errors import DatabaseError
from scim_service.tenant.metrics import CONTENT_TYPE
from scim_service.tenant.tenant import Tenant

KEPT_MICROSECONDS = 1_000_000
"""How long what was read from the database is answered again: readers cannot load it more."""

PROBLEM_CHARACTERS = 300
"""The longest sentence among a status' problems."""

Value = TypeVar("Value")

_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="scim-management"'}
_NO_CREDENTIAL = (
    "This path asks for the tenant's access credential: send the key token of the Secret"
    " <tenant>-scim-access as Authorization: Bearer. (Where the service runs alone, it takes the"
    " tokens of SCIM.)\n"
)


class _CredentialError(Exception):
    """The request has no accepted credential."""


class _Kept(Generic[Value]):
    """What a function returned last, for a second; an error is not kept."""

    def __init__(self, read: Callable[[], Awaitable[Value]], clock: Clock) -> None:
        self._read = read
        self._clock = clock
        self._lock = asyncio.Lock()
        self._kept: tuple[int, Value] | None = None

    async def get(self) -> Value:
        """Return it, read anew if it is older than that; readers wait for one another."""
        async with self._lock:
            now = self._clock()
            if self._kept is None or not 0 <= now - self._kept[0] < KEPT_MICROSECONDS:
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

    @application.exception_handler(_CredentialError)
    async def unauthenticated(_: Request, __: _CredentialError) -> Response:
        text = "\n".join([*_problems(tenant), _NO_CREDENTIAL])
        return PlainTextResponse(text, 401, _CHALLENGE)

    return application


def _add_open_paths(application: FastAPI, tenant: Tenant) -> None:
    """Add what shows neither people nor their doings."""
    counts = _Kept(tenant.repository.count_resources, tenant.repository.clock)

    async def render() -> bytes:
        found = await counts.get()
        # PostgreSQL's own tools make the backups there, and tell nobody.
        is_ours = tenant.repository.database.backend == "sqlite"
        return tenant.metrics.render(
            users=found.users,
            active_users=found.active_users,
            groups=found.groups,
            last_backup=await tenant.activity.last_backup() if is_ours else None,
            volume=await asyncio.to_thread(tenant.repository.database.volume),
        )

    page = _Kept(render, tenant.repository.clock)

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
        if not tenant.tokens.current() or tenant.tokens.closed:
            missing.append(f"tokens: {tenant.tokens.problem or 'none is loaded'}")
        if missing:
            return PlainTextResponse("\n".join(missing) + "\n", 503)
        # A port without its credential shows less, which is no reason to keep Entra away.
        return PlainTextResponse("\n".join(["ready", *_problems(tenant)]) + "\n")

    @application.get("/metrics")
    async def metrics(_: Request) -> Response:
        return Response(await page.get(), media_type=CONTENT_TYPE)


def _add_closed_paths(application: FastAPI, tenant: Tenant) -> None:
    """Add what only who has the access credential may read."""

    async def credential(request: Request) -> None:
        if tenant.access.authenticate(header(request.scope, b"authorization")) is None:
            tenant.metrics.management_unauthenticated()
            raise _CredentialError

    async def read() -> bytes:
        return orjson.dumps(await _status(tenant))

    document = _Kept(read, tenant.repository.clock)

    @application.get("/-/status", dependencies=[Depends(credential)])
    async def status(_: Request) -> Response:
        return Response(await document.get(), media_type="application/json")

    @application.get("/-/activity", dependencies=[Depends(credential)])
    async def activity(
        _: Request,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        refused: bool = False,
        request: Annotated[str | None, Query(max_length=200, pattern="^[ -~]*$")] = None,
    ) -> Response:
        lines = await tenant.activity.recent(limit=limit, refused=refused, request=request)
        return Response(orjson.dumps({"activity": lines}), media_type="application/json")


async def _status(tenant: Tenant) -> dict[str, Any]:
    tokens = tenant.tokens.current()
    activity = tenant.activity
    return {
        "version": __version__,
        "tenant": tenant.config.name,
        **await activity.status(),
        "tokens": [
            {
                "id": token.id,
                "lastUsed": activity.last_used(token.id),
                "proof": tenant.tokens.proof(token),
            }
            for token in tokens
        ],
        "problems": _problems(tenant),
    }


def _problems(tenant: Tenant) -> list[str]:
    """Return what is wrong with the files that say who may call."""
    found: list[str] = []
    for tokens in (tenant.tokens, tenant.access):
        tokens.current()
        if tokens.problem is not None and tokens.problem not in found:
            found.append(tokens.problem)
    return [problem.encode("ascii", "replace").decode()[:PROBLEM_CHARACTERS] for problem in found]
