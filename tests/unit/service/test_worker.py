"""The turns that tenants take on the work thread, and the limits on queues and on memory."""

import asyncio
import threading

import pytest
from scim_service.worker import INLINE, BusyError, MemoryLimit, QueueLimit, Worker, work_thread

LARGE = INLINE + 1


async def test_small_work_is_done_in_the_event_loop() -> None:
    """Only work on more than `INLINE` bytes runs on the work thread."""
    worker = Worker(work_thread())
    assert await worker.run(INLINE, threading.current_thread) is threading.main_thread()
    assert (await worker.run(LARGE, threading.current_thread)).name.startswith("scim-work")


async def test_tenants_take_turns_on_the_thread() -> None:
    """The work of a tenant does not wait for all the work of another tenant."""
    thread = work_thread()
    busy, quiet = Worker(thread), Worker(thread)
    started = threading.Event()
    done: list[str] = []

    def work(name: str) -> None:
        started.wait()
        done.append(name)

    tasks = [asyncio.create_task(busy.run(LARGE, lambda: work("busy"))) for _ in range(20)]
    await asyncio.sleep(0)
    tasks.append(asyncio.create_task(quiet.run(LARGE, lambda: work("quiet"))))
    await asyncio.sleep(0)
    started.set()
    await asyncio.gather(*tasks)
    assert done.index("quiet") <= 2
    assert len(done) == 21


async def test_a_full_queue_refuses_one_tenant_only() -> None:
    """Too much waiting work is refused, and other tenants of the process are not concerned."""
    thread = work_thread()
    busy, quiet = Worker(thread), Worker(thread)
    started = threading.Event()
    tasks = [asyncio.create_task(busy.run(LARGE, started.wait)) for _ in range(32)]
    await asyncio.sleep(0)
    with pytest.raises(BusyError):
        await busy.run(LARGE, started.wait)
    other = asyncio.create_task(quiet.run(LARGE, started.wait))
    await asyncio.sleep(0)
    started.set()
    assert await other
    assert all(await asyncio.gather(*tasks))


def test_a_queue_limit_counts_those_within() -> None:
    """A caller that leaves the block makes a place free."""
    limit = QueueLimit(1)
    with limit, pytest.raises(BusyError):
        limit.__enter__()
    with limit:
        pass


def test_a_memory_limit_refuses_more_than_is_left() -> None:
    """A refused caller takes nothing, and bytes that are given back can be taken again."""
    memory = MemoryLimit(100)
    memory.take(60)
    with pytest.raises(BusyError):
        memory.take(41)
    memory.take(40)
    memory.give_back(60)
    memory.take(60)
