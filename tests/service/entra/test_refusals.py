"""Refusals by the tenant's own rules, and their text in the provisioning log."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.conformance.target import Service
from tests.entra import Directory, Provisioning, Scope
from tests.entra.directory import PRODUCT
from tests.entra.errors import TRANSIENT


@contextmanager
def _job(folder: Path, database: str, provisioning: dict[str, Any]) -> Iterator[Provisioning]:
    with Service(folder, database=database, provisioning=provisioning) as service:
        yield Provisioning(service.target.url, service.target.token)


async def test_a_mapping_without_mail_is_refused_where_mail_is_required(
    tmp_path: Path, database_url: str
) -> None:
    """The detail names the attribute to map; with the mapping, the next cycle has no errors."""
    directory = Directory.generate(21, users=6, groups=1)
    with _job(tmp_path, database_url, {"requiredAttributes": ["emails"]}) as job:
        async with job:
            complete, job.mapping = (
                job.mapping,
                job.mapping.without("mail").without("proxyAddresses"),
            )
            cycle = await job.initial_cycle(directory)
            assert cycle.quarantine is None
            assert {one.code for one in cycle.failures} == {"BadRequest"}
            assert len(cycle.failures) == 6
            for one in cycle.failures:
                assert "mapping" in one.detail.lower()
                assert 'emails[type eq "work"].value' in one.detail
            job.mapping = complete
            cycle = await job.incremental_cycle(directory)
            assert (cycle.failures, cycle.done["users created"]) == ([], 6)
            assert await job.verify(directory) == []


async def test_more_users_than_licences(tmp_path: Path, database_url: str) -> None:
    """The detail names the limit and the setting for the scope; with that setting it succeeds."""
    users = Directory.generate(22, users=12, groups=0).users.items()
    directory = Directory(
        {
            key: replace(user, enabled=True, licences=(PRODUCT,) if number % 2 else ())
            for number, (key, user) in enumerate(users)
        }
    )
    with _job(tmp_path, database_url, {"maxUsers": 8}) as job:
        async with job:
            cycle = await job.initial_cycle(directory)
            assert cycle.quarantine is None
            assert len([one for one in cycle.failures if one.method == "POST"]) == 4
            for one in cycle.failures:
                assert one.code not in TRANSIENT
                assert "8" in one.detail
                assert "Sync only assigned users and groups" in one.detail
            job.scope = Scope.ASSIGNED
            cycles = [await job.incremental_cycle(directory) for _ in range(4)]
            assert cycles[-1].clean
            assert await job.verify(directory) == []


async def test_enabling_a_user_counts(tmp_path: Path, database_url: str) -> None:
    """A disabled user needs no licence until it is enabled again."""
    directory = Directory.generate(23, users=4, groups=0)
    users = list(directory.users.values())
    with _job(tmp_path, database_url, {"maxUsers": 2}) as job:
        async with job:

            def having(enabled: int) -> Directory:
                return Directory(
                    {
                        user.object_id: replace(user, enabled=number < enabled, manager=None)
                        for number, user in enumerate(users)
                    }
                )

            assert (await job.initial_cycle(having(2))).clean
            cycle = await job.incremental_cycle(having(3))
            (failure,) = cycle.failures
            assert failure.method == "PATCH"
            assert "2" in failure.detail
            assert (await job.incremental_cycle(having(1))).clean
            assert (await job.incremental_cycle(having(2))).clean
            assert await job.verify(having(2)) == []
