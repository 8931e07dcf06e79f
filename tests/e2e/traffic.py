"""Entra's traffic beside whatever happens to the platform."""

import asyncio
from collections.abc import Callable

from tests.e2e.platform import Tenant
from tests.entra import Directory, Provisioning


async def provision_during(
    tenant: Tenant, change: Callable[[], object], *, pause: float = 0, parallel: int = 8
) -> None:
    """Fill a tenant, then run cycle after cycle until the change is over; each must be clean.

    Parameters
    ----------
    pause
        Seconds between two cycles; Entra's is 40 minutes.
    parallel
        How many requests are under way at once.

    Raises
    ------
    AssertionError
        A request failed, or in the end the tenant is not what the directory is.
    """
    _, token = tenant.credentials()
    directory = Directory.generate(seed=4, users=60, groups=4)
    with tenant.reach() as url:
        async with Provisioning(url, token, parallel=parallel) as job:
            assert (await job.initial_cycle(directory)).clean
            changing = asyncio.create_task(asyncio.to_thread(change))
            cycles = 0
            try:
                while not changing.done():
                    cycles += 1
                    directory = directory.change(seed=cycles, share=0.01)
                    cycle = await job.incremental_cycle(directory)
                    assert cycle.clean, cycle.as_json()
                    await asyncio.wait({changing}, timeout=pause)
            finally:
                await changing
            assert pause or cycles > 1
            # One more, so that what the change left is tried in any case.
            directory = directory.change(seed=cycles + 1, share=0.01)
            last = await job.incremental_cycle(directory)
            assert last.clean, last.as_json()
            assert await job.verify(directory) == []
