"""What holds for every test."""

import asyncio


def pytest_configure() -> None:
    """Say that there is no event loop outside the tests.

    Where nothing is said, pytest-asyncio's look for a loop to restore makes one and leaves it open.
    """
    asyncio.set_event_loop(None)
