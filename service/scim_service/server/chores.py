"""The tasks of a tenant that run beside its requests."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable

from scim_service.tenant.activity import FLUSH_SECONDS, PRUNE_SECONDS
from scim_service.tenant.tenant import Tenant

_logger = logging.getLogger(__name__)


@contextlib.asynccontextmanager
async def run_chores(tenant: Tenant) -> AsyncIterator[None]:
    """Write a tenant's activity and page starts repeatedly, and at the end of the block."""
    chores = [
        asyncio.create_task(_repeat(tenant.activity.flush, FLUSH_SECONDS)),
        asyncio.create_task(_repeat(tenant.activity.prune, PRUNE_SECONDS)),
        asyncio.create_task(_repeat(tenant.repository.page_starts.flush, FLUSH_SECONDS)),
    ]
    yield
    for chore in chores:
        chore.cancel()
    await asyncio.gather(*chores, return_exceptions=True)
    await tenant.activity.flush()
    await tenant.repository.page_starts.flush()


async def _repeat(chore: Callable[[], Awaitable[None]], seconds: float) -> None:
    while True:
        await asyncio.sleep(seconds)
        try:
            await chore()
        except Exception:
            _logger.exception("%s failed; it is tried again", chore.__name__)
