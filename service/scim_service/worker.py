"""Work that would hold up the event loop, and limits on queues and on memory.

A process has one work thread and one amount of memory for large bodies. It gives each of its
tenants a `Worker` over the thread and a share of the memory, so that no tenant can use up what
another needs.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import TypeVar

INLINE = 16 * 1024
"""Bytes, or values, that are worked on in the event loop: a handover would cost more."""

LARGE_BODY_BYTES = 32 << 20
"""The memory of a process for large bodies, those of all its tenants together."""

_WAITING = 32
_IN_THREAD = 2
"""Pieces of one tenant's work in the thread's queue: one that runs, and one that runs next."""

Result = TypeVar("Result")


class BusyError(Exception):
    """The queue is full, or the memory is used up; try again later."""


class QueueLimit:
    """The number of callers that may be in a block together: ``with limit:``."""

    __slots__ = ("_most", "_present")

    def __init__(self, most: int) -> None:
        self._most = most
        self._present = 0

    def __enter__(self) -> None:
        """Enter the block.

        Raises
        ------
        BusyError
            It is full.
        """
        if self._present >= self._most:
            raise BusyError
        self._present += 1

    def __exit__(self, *_: object) -> None:
        self._present -= 1


class MemoryLimit:
    """The bytes that large bodies may have in memory together."""

    __slots__ = ("_left",)

    def __init__(self, size: int) -> None:
        self._left = size

    def take(self, size: int) -> None:
        """Take some bytes.

        Raises
        ------
        BusyError
            Fewer are left.
        """
        if size > self._left:
            raise BusyError
        self._left -= size

    def give_back(self, size: int) -> None:
        """Give back bytes that were taken."""
        self._left += size


def work_thread() -> Executor:
    """Return the work thread of a process.

    It is one thread, since it shares the interpreter's lock with the event loop: several of them
    would keep the event loop waiting.
    """
    return ThreadPoolExecutor(1, thread_name_prefix="scim-work")


class Worker:
    """Does the long work of one tenant outside of the event loop.

    The thread may be shared with other tenants. They take turns: each has at most `_IN_THREAD`
    pieces of work in the thread's queue, and the rest in a queue of its own.
    """

    __slots__ = ("_queue", "_thread", "_turn")

    def __init__(self, thread: Executor) -> None:
        self._thread = thread
        self._queue = QueueLimit(_WAITING)
        self._turn = asyncio.Semaphore(_IN_THREAD)

    async def run(self, size: int, work: Callable[[], Result]) -> Result:
        """Do some work, outside of the event loop if it is long.

        Parameters
        ----------
        size
            How many bytes or values it is about.

        Raises
        ------
        BusyError
            Too much long work of this tenant is waiting already.
        """
        if size <= INLINE:
            return work()
        with self._queue:
            async with self._turn:
                return await asyncio.get_running_loop().run_in_executor(self._thread, work)
