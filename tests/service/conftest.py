"""Tenants on empty databases, of either kind."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from scim_service.store.migrations.upgrade import open_database

from tests.service.postgres import PostgresServer, UnavailableError
from tests.service.served import Serve, serving


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server with the tables."""
    try:
        server = PostgresServer()
    except UnavailableError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))
    with server:
        _migrate(server.url())
        yield server


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the tables, because copying it is faster."""
    path = tmp_path_factory.mktemp("migrated") / "scim.db"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path, migrated: Path) -> Iterator[str]:
    """The URL of an empty database."""
    if request.param == "sqlite":
        path = tmp_path / "scim.db"
        shutil.copy(migrated, path)
        yield f"sqlite:///{path}"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    yield server.url()
    server.empty()


def _migrate(url: str) -> None:
    async def migrate() -> None:
        await (await open_database(url)).close()

    asyncio.run(migrate())


@pytest.fixture
async def serve(database_url: str) -> AsyncIterator[Serve]:
    """Serve tenants on the database; several share it, as replicas do."""
    async with serving(database_url) as serve:
        yield serve
