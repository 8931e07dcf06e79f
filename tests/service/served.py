"""A tenant served in this process."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Protocol

import httpx
from scim_service.http.application import scim_application
from scim_service.http.client_address import TrustedProxies
from scim_service.http.management import management_application
from scim_service.store.clock import Clock, now_microseconds
from scim_service.store.migrations.upgrade import open_database
from scim_service.tenant.config import TenantConfig
from scim_service.tenant.limits import Limits
from scim_service.tenant.tenant import Tenant
from scim_service.tenant.tokens import Tokens, token_from
from scim_service.worker import MemoryLimit

SECRET = "t0ken-of-the-tests"
TOKEN_ID = "tests"
ACCESS = "credential-of-the-management-port"


@dataclass(frozen=True, slots=True)
class Served:
    """A tenant in service: clients of its two ports, and what they are served by.

    `http` has the Tenant URL as its base and sends the token, `management` the access credential.
    """

    tenant: Tenant
    http: httpx.AsyncClient
    management: httpx.AsyncClient
    access_log: list[dict[str, Any]]


class Serve(Protocol):
    """Puts a tenant into service, its configuration as in ``config.json``."""

    async def __call__(
        self,
        configuration: dict[str, Any] | None = None,
        *,
        tokens: Tokens | None = None,
        access: Tokens | None = None,
        limits: Limits | None = None,
        body_memory: MemoryLimit | None = None,
        clock: Clock = now_microseconds,
    ) -> Served:
        """Return the tenant."""
        ...


@contextlib.asynccontextmanager
async def serving(url: str) -> AsyncIterator[Serve]:
    """Return the function that serves tenants; all of them end with the block."""
    async with contextlib.AsyncExitStack() as stack:

        async def serve(
            configuration: dict[str, Any] | None = None,
            *,
            tokens: Tokens | None = None,
            access: Tokens | None = None,
            limits: Limits | None = None,
            body_memory: MemoryLimit | None = None,
            clock: Clock = now_microseconds,
        ) -> Served:
            config = TenantConfig.model_validate(configuration or {})
            database = await open_database(url)
            stack.push_async_callback(database.close)
            tenant = await Tenant.open(
                database,
                config=config,
                registry=config.provisioning.load_registry(),
                tokens=tokens or Tokens(None, [token_from(SECRET, token_id=TOKEN_ID)]),
                access=access or Tokens(None, [token_from(ACCESS, token_id="access")]),
                limits=limits or Limits(),
                body_memory=body_memory,
                clock=clock,
            )
            access_log: list[dict[str, Any]] = []
            client = await stack.enter_async_context(
                httpx.AsyncClient(
                    transport=httpx.ASGITransport(
                        scim_application(tenant, access_log.append, TrustedProxies())
                    ),
                    base_url=f"http://scim.example{config.base_path}",
                    headers={"Authorization": f"Bearer {SECRET}"},
                )
            )
            management = await stack.enter_async_context(
                httpx.AsyncClient(
                    transport=httpx.ASGITransport(management_application(tenant)),
                    base_url="http://management.example",
                    headers={"Authorization": f"Bearer {ACCESS}"},
                )
            )
            return Served(tenant, client, management, access_log)

        yield serve
