"""Whole cycles of Entra's provisioning against the service as a process, over real HTTP."""

import asyncio
from pathlib import Path

import pytest

from tests.conformance.target import Service
from tests.entra import Dialect, Directory, Flag, Provisioning, Quirk, Scope


@pytest.mark.parametrize("flag", list(Flag))
@pytest.mark.parametrize("quirks", [(), tuple(Quirk)], ids=["plain", "quirks"])
@pytest.mark.parametrize("scope", list(Scope))
async def test_cycles_end_equal(
    tmp_path: Path, database_url: str, flag: Flag, quirks: tuple[Quirk, ...], scope: Scope
) -> None:
    """After every cycle the tenant equals the directory, attribute by attribute."""
    directory = Directory.generate(11, users=40, groups=6)
    dialect = Dialect(flag, frozenset(quirks))
    with Service(tmp_path, database=database_url) as service:
        target = service.target
        async with Provisioning(target.url, target.token, dialect=dialect, scope=scope) as job:
            assert (await job.test_connection()).clean
            cycle = await job.initial_cycle(directory)
            assert (cycle.failures, cycle.quarantine) == ([], None)
            assert await job.verify(directory) == []
            for step in range(3):
                directory = directory.change(step, share=0.1)
                cycle = await job.incremental_cycle(directory)
                assert (cycle.failures, cycle.quarantine) == ([], None)
                assert await job.verify(directory) == []


async def test_a_restarted_job_matches_existing_objects(tmp_path: Path, database_url: str) -> None:
    """ "Restart provisioning" forgets the anchors; nothing is created or changed a second time."""
    directory = Directory.generate(12, users=30, groups=4)
    with Service(tmp_path, database=database_url) as service:
        async with Provisioning(service.target.url, service.target.token) as job:
            await job.initial_cycle(directory)
            job.state.restart()
            cycle = await job.initial_cycle(directory)
            assert cycle.clean
            assert (cycle.done["users unchanged"], cycle.done["groups unchanged"]) == (30, 4)
            assert await job.verify(directory) == []


async def test_users_without_mail_are_provisioned(tmp_path: Path, database_url: str) -> None:
    """A mapping without mail is no error where the tenant does not require it."""
    directory = Directory.generate(13, users=5, groups=0)
    with Service(tmp_path, database=database_url) as service:
        target = service.target
        async with Provisioning(target.url, target.token) as job:
            job.mapping = job.mapping.without("mail")
            assert (await job.initial_cycle(directory)).clean
            assert await job.verify(directory) == []


@pytest.mark.parametrize("cycle", ["initial", "incremental"])
async def test_kill_in_the_middle_of_a_cycle(tmp_path: Path, database_url: str, cycle: str) -> None:
    """Acknowledged writes survive SIGKILL, and the repeated cycle has no errors."""
    directory = Directory.generate(14, users=60, groups=8)
    with Service(tmp_path, database=database_url) as service:
        async with Provisioning(service.target.url, service.target.token) as job:
            run = job.initial_cycle
            if cycle == "incremental":
                assert (await job.initial_cycle(directory)).clean
                directory = directory.change(1, share=0.3)
                run = job.incremental_cycle
            before = job.state.ledger.acknowledged
            running = asyncio.create_task(run(directory))
            while (  # noqa: ASYNC110  # a ledger has no event, and this is no reason for one
                job.state.ledger.acknowledged < before + 25 and not running.done()
            ):
                await asyncio.sleep(0)
            await asyncio.to_thread(service.kill)
            assert not (await running).clean
            await asyncio.to_thread(service.start)
            assert await job.lost_writes() == []
            repeated = await run(directory)
            assert (repeated.failures, repeated.quarantine) == ([], None)
            assert await job.verify(directory) == []
            assert await job.lost_writes() == []
