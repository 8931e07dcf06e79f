"""Which connection has to go when there are too many, and which when its client is too slow."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest
import uvicorn
from scim_service.server.connections import UNSENT_SECONDS, Connections, Protocol
from uvicorn.server import ServerState


class Connection:
    """A connection of a source."""

    def __init__(self, connections: Connections, source: str) -> None:
        self.source = source
        self.closed = False
        self._connections: Any = connections
        self.admitted: bool = connections.add(self, source)  # type: ignore[arg-type]

    def leave(self) -> None:
        """Close it."""
        self.closed = True
        self._connections.remove(self, self.source)

    def begin(self) -> None:
        """Have a request in flight."""
        del self._connections.idle_of(self.source)[self]

    def end(self) -> None:
        """Have none any more."""
        self._connections.idle_of(self.source)[self] = None


def test_the_longest_idle_of_a_source_goes() -> None:
    """Over its own limit a source loses the connection that had no request for longest."""
    connections = Connections(10, 3)
    first, second, third = (Connection(connections, "a") for _ in range(3))
    other = Connection(connections, "b")
    first.begin()
    first.end()
    assert Connection(connections, "a").admitted
    assert [each.closed for each in (first, second, third, other)] == [False, True, False, False]


def test_requests_in_flight_are_spared() -> None:
    """A connection with a request is never closed for another; the new one is refused instead."""
    connections = Connections(10, 2)
    held = [Connection(connections, "a") for _ in range(2)]
    for each in held:
        each.begin()
    assert not Connection(connections, "a").admitted
    assert Connection(connections, "b").admitted
    held[0].end()
    assert Connection(connections, "a").admitted
    assert [each.closed for each in held] == [True, False]


@pytest.mark.finding(19)
def test_the_greediest_source_goes_first() -> None:
    """When the port is full, the source with the most connections makes room."""
    connections = Connections(5, 4)
    proxy = Connection(connections, "proxy")
    greedy = [Connection(connections, "greedy") for _ in range(4)]
    assert Connection(connections, "new").admitted
    assert not proxy.closed
    assert [each.closed for each in greedy] == [True, False, False, False]


def test_proxies_have_no_limit_of_their_own() -> None:
    """A trusted proxy stands for many sources."""
    connections = Connections(5, 1, lambda source: source == "proxy")
    assert all(Connection(connections, "proxy").admitted for _ in range(5))
    assert [Connection(connections, "a").closed for _ in range(2)] == [False, False]


def test_nothing_is_remembered_of_those_who_left() -> None:
    """A source without connections takes no memory."""
    connections = Connections(2, 1)
    for number in range(100):
        Connection(connections, str(number)).leave()
    busy = Connection(connections, "a")
    busy.begin()
    assert not Connection(connections, "a").admitted
    busy.leave()
    assert (connections._count, dict(connections._of), dict(connections._idle)) == (0, {}, {})


class Transport:
    """A socket whose client has not taken `unsent` bytes yet."""

    def __init__(self) -> None:
        self.unsent = 0
        self.aborted = False

    def get_extra_info(self, _: str) -> None:
        """Know nothing of the client."""

    def get_write_buffer_size(self) -> int:
        """Return what is left to send."""
        return self.unsent

    def abort(self) -> None:
        """Close without sending it."""
        self.aborted = True


class Loop:
    """Calls what has been put off when it is told to."""

    def __init__(self) -> None:
        self._later: list[tuple[float, Callable[[], None]]] = []

    def call_later(self, seconds: float, then: Callable[[], None]) -> asyncio.Handle:
        """Put something off."""
        self._later.append((seconds, then))
        return asyncio.Handle(then, (), cast("asyncio.AbstractEventLoop", self))

    def get_debug(self) -> bool:
        """Be quick."""
        return False

    def elapse(self, seconds: float) -> None:
        """Call what was put off for so long."""
        due = [then for after, then in self._later if after == seconds]
        self._later = [each for each in self._later if each[0] != seconds]
        for then in due:
            then()


@pytest.mark.finding(19, 22)
def test_a_client_that_takes_nothing_is_given_up() -> None:
    """A slow client keeps its answer, and one that has stopped to read loses its connection."""
    loop, transport = Loop(), Transport()
    protocol = Protocol(
        uvicorn.Config(lambda: None, log_config=None),
        ServerState(),
        {},
        cast("asyncio.AbstractEventLoop", loop),
        connections_of_port=Connections(1, 1),
    )
    protocol.connection_made(cast("asyncio.Transport", transport))
    transport.unsent = 1_000_000
    protocol.pause_writing()
    for left in (900_000, 500_000, 499_999):
        transport.unsent = left
        loop.elapse(UNSENT_SECONDS)
        assert not transport.aborted
    loop.elapse(UNSENT_SECONDS)
    assert transport.aborted
