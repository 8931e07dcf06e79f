"""A tenant on an empty database for each test, reached as Entra reaches it."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from scim_service.auth import Tokens, token_from
from scim_service.http.application import scim_application
from scim_service.http.service import Service
from scim_service.scim.schema import Registry
from scim_service.settings import Limits, Tenant
from scim_service.store.upgrade import open_database

from .tenant import EntraTenant

_SECRET = "t0ken-of-the-tests"


@pytest.fixture
async def entra(tmp_path: Path) -> AsyncIterator[EntraTenant]:
    """The tenant, with the token in every request."""
    database = await open_database(f"sqlite:///{tmp_path}/scim.db")
    try:
        service = await Service.over(
            database,
            tenant=Tenant(),
            registry=Registry.load(()),
            tokens=Tokens(None, [token_from(_SECRET, token_id="tests")]),
            limits=Limits(),
        )
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(scim_application(service, lambda _: None)),
            base_url="http://scim.example/scim",
            headers={"Authorization": f"Bearer {_SECRET}"},
        ) as http:
            yield EntraTenant(http)
    finally:
        await database.close()
