"""Repetition of transactions that the database aborted without a fault of the request.

A deadlock, or a connection that breaks before the commit, leaves nothing written. So the service
repeats the transaction itself, instead of the client.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from scim_service.store.database.errors import TransientError

PAUSES = (0.02, 0.1, 0.4)
"""Seconds between the attempts, on average; random, so that colliding transactions separate."""

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


async def repeat(attempt: Callable[[], Awaitable[Result]]) -> Result:
    """Return the result of the first attempt that succeeds.

    Raises
    ------
    TransientError
        All attempts failed.
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
    """Return a function that repeats a whole transaction, with everything that it reads."""

    @wraps(work)
    async def run(*arguments: Arguments.args, **named: Arguments.kwargs) -> Result:
        try:
            return await work(*arguments, **named)
        except TransientError:
            return await repeat(lambda: work(*arguments, **named))

    return run
