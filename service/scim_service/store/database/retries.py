"""Doing again what the database gave up without a fault of the request.

A deadlock, or a connection that breaks before the commit, leaves nothing behind; the same work done
again is what a client would have to ask for.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from scim_service.store.database.errors import TransientError

PAUSES = (0.02, 0.1, 0.4)
"""Seconds between the attempts, on average: those that were in each other's way come apart."""

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


async def repeated(attempt: Callable[[], Awaitable[Result]]) -> Result:
    """Return what an attempt returns; after the last one its error is raised.

    Raises
    ------
    TransientError
        All attempts have failed.
    """
    for pause in PAUSES:
        try:
            return await attempt()
        except TransientError:
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311
    return await attempt()


def repeatable(
    work: Callable[Arguments, Coroutine[Any, Any, Result]],
) -> Callable[Arguments, Coroutine[Any, Any, Result]]:
    """Return the function that repeats a whole transaction; all that it reads, it reads again."""

    @wraps(work)
    async def run(*arguments: Arguments.args, **named: Arguments.kwargs) -> Result:
        try:
            return await work(*arguments, **named)
        except TransientError:
            return await repeated(lambda: work(*arguments, **named))

    return run
