"""Work that would hold up the event loop, and queues that have an end."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

INLINE = 16 * 1024
"""Bytes, or values, that are worked on at once: what takes less than handing it over is worth."""

_WAITING = 32

Result = TypeVar("Result")


class BusyError(Exception):
    """So much of this kind is waiting already that more would only wait for nothing."""


class QueueLimit:
    """How many may wait for something, or be at it: ``with limit:`` is around both."""

    __slots__ = ("_most", "_present")

    def __init__(self, most: int) -> None:
        self._most = most
        self._present = 0

    def __enter__(self) -> None:
        """Join the queue.

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


class Room:
    """Bytes that large bodies may have in memory together."""

    __slots__ = ("_left",)

    def __init__(self, size: int) -> None:
        self._left = size

    def take(self, size: int) -> None:
        """Take some of it.

        Raises
        ------
        BusyError
            There is not so much left.
        """
        if size > self._left:
            raise BusyError
        self._left -= size

    def give_back(self, size: int) -> None:
        """Give back what was taken."""
        self._left += size


# One thread for the process: it shares the interpreter's lock with the event loop, which several
# of them together would keep waiting.
_thread = ThreadPoolExecutor(1, thread_name_prefix="scim-work")
_queue = QueueLimit(_WAITING)


async def run(size: int, work: Callable[[], Result]) -> Result:
    """Do work, outside of the event loop where what it is about is large.

    Parameters
    ----------
    size
        How many bytes or values it is about.

    Raises
    ------
    BusyError
        Too much large work is waiting already.
    """
    if size <= INLINE:
        return work()
    with _queue:
        return await asyncio.get_running_loop().run_in_executor(_thread, work)


ROOM_BYTES = 32 << 20
"""Large bodies that are in memory at the same time, of all requests together."""


large_bodies = Room(ROOM_BYTES)
