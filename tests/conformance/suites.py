"""The suites by name, and how one is run."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.service import postgres

from . import postman, scim2_tester, scim_sanity
from .outcome import Check, Outcome, UnavailableError, judge
from .target import Service, Target

SUITES: dict[str, Callable[[Target], list[Check]]] = {
    postman.NAME: postman.run,
    scim2_tester.NAME: scim2_tester.run,
    scim_sanity.NAME: scim_sanity.run,
}


class Database(StrEnum):
    """What the service keeps its data in."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"


def run_on(name: str, target: Target) -> Outcome:
    """Run a suite against a tenant that is given; it should be empty."""
    return judge(name, SUITES[name](target))


def run_suite(name: str, database: Database, *, profile: str = "entra") -> Outcome:
    """Run a suite against a service started for it alone, on an empty database."""
    with (
        TemporaryDirectory(prefix="scim-conformance-") as folder,
        _url(database) as url,
        Service(Path(folder), database=url, provisioning={"profile": profile}) as service,
    ):
        return run_on(name, service.target)


@contextmanager
def _url(database: Database) -> Iterator[str | None]:
    if database is Database.SQLITE:
        yield None
        return
    try:
        server = postgres.PostgresServer()
    except postgres.UnavailableError as error:
        raise UnavailableError(str(error)) from error
    with server:
        yield server.url()


def in_ci() -> bool:
    """Tell whether a suite that cannot run is a failure."""
    return os.environ.get("CI") == "true"
