"""The time after which the connection of a slow client is ended."""

import asyncio
from collections.abc import Callable
from typing import cast

import pytest
import uvicorn
from scim_service.server.connections import Connections
from scim_service.server.http_connection import UNSENT_SECONDS, HttpConnection
from uvicorn.server import ServerState


class Transport:
    """A socket whose client has not taken `unsent` bytes yet."""

    def __init__(self) -> None:
        self.unsent = 0
        self.aborted = False

    def get_extra_info(self, _: str) -> None:
        """Return no address of the client."""

    def get_write_buffer_size(self) -> int:
        """Return the bytes that the client has not taken yet."""
        return self.unsent

    def abort(self) -> None:
        """Close without sending them."""
        self.aborted = True


class Loop:
    """An event loop whose time the test advances."""

    def __init__(self) -> None:
        self._later: list[tuple[float, Callable[[], None]]] = []

    def call_later(self, seconds: float, then: Callable[[], None]) -> asyncio.Handle:
        """Keep a call for later."""
        self._later.append((seconds, then))
        return asyncio.Handle(then, (), cast("asyncio.AbstractEventLoop", self))

    def get_debug(self) -> bool:
        """Return that it does not debug."""
        return False

    def elapse(self, seconds: float) -> None:
        """Make the calls that were due after so many seconds."""
        due = [then for after, then in self._later if after == seconds]
        self._later = [each for each in self._later if each[0] != seconds]
        for then in due:
            then()


@pytest.mark.finding(19, 22)
def test_the_connection_of_a_client_that_takes_nothing_is_ended() -> None:
    """A slow client gets its answer; a client that has stopped reading loses its connection."""
    loop, transport = Loop(), Transport()
    connection = HttpConnection(
        uvicorn.Config(lambda: None, log_config=None),
        ServerState(),
        {},
        cast("asyncio.AbstractEventLoop", loop),
        connections_of_port=Connections(1, 1),
    )
    connection.connection_made(cast("asyncio.Transport", transport))
    transport.unsent = 1_000_000
    connection.pause_writing()
    for left in (900_000, 500_000, 499_999):
        transport.unsent = left
        loop.elapse(UNSENT_SECONDS)
        assert not transport.aborted
    loop.elapse(UNSENT_SECONDS)
    assert transport.aborted
