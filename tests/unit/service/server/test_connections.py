"""The connections that are closed when a port has too many."""

from typing import Any

import pytest
from scim_service.server.connections import Connections


class Connection:
    """A connection of a source."""

    def __init__(self, connections: Connections, source: str) -> None:
        self.source = source
        self.closed = False
        self._connections: Any = connections
        self.admitted: bool = connections.add(self, source)  # type: ignore[arg-type]

    def leave(self) -> None:
        """Close the connection."""
        self.closed = True
        self._connections.remove(self, self.source)

    def begin(self) -> None:
        """Begin a request."""
        del self._connections.idle_of(self.source)[self]

    def end(self) -> None:
        """End the request."""
        self._connections.idle_of(self.source)[self] = None


def test_the_longest_idle_connection_of_a_source_is_closed() -> None:
    """Over its own limit a source loses the connection that was idle for the longest time."""
    connections = Connections(10, 3)
    first, second, third = (Connection(connections, "a") for _ in range(3))
    other = Connection(connections, "b")
    first.begin()
    first.end()
    assert Connection(connections, "a").admitted
    assert [each.closed for each in (first, second, third, other)] == [False, True, False, False]


def test_connections_with_a_request_are_kept() -> None:
    """A connection with a request is never closed for a new one, which is refused instead."""
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
def test_the_source_with_the_most_connections_loses_one() -> None:
    """When the port is full, a connection of the source with the most of them is closed."""
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


def test_closed_connections_take_no_memory() -> None:
    """A source without connections takes no memory."""
    connections = Connections(2, 1)
    for number in range(100):
        Connection(connections, str(number)).leave()
    busy = Connection(connections, "a")
    busy.begin()
    assert not Connection(connections, "a").admitted
    busy.leave()
    assert (connections._count, dict(connections._of), dict(connections._idle)) == (0, {}, {})
