"""What holds for every test."""

import asyncio

from hypothesis import HealthCheck, settings


def pytest_configure() -> None:
    """Say that there is no event loop outside the tests, and that no test fails for being slow.

    Where nothing is said, pytest-asyncio's look for a loop to restore makes one and leaves it open.
    How fast a machine makes examples says nothing of the program, and varies with what else runs.
    """
    asyncio.set_event_loop(None)
    settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("shared")
