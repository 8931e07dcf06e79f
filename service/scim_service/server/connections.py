"""The number of connections of a port, and the connections to close when there are too many."""

from __future__ import annotations

import asyncio
import resource
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

MOST_CONNECTIONS = 768
MOST_MANAGEMENT_CONNECTIONS = 128
_RESERVED_FILES = 96

UNSENT_BYTES = 128 << 20
"""The most bytes of answers that the clients of a port have not taken yet, all together."""


class Connection(Protocol):
    """A connection, as far as it is counted here."""

    kept: int
    """The bytes of its answer that are kept until the client has taken them."""

    transport: asyncio.Transport

    def leave(self) -> None:
        """Close the connection, which has no request in flight."""


@dataclass(slots=True)
class Connections:
    """The open connections of one port.

    Over a limit, the connection that has been idle for the longest time is closed: one of the same
    source if that source has too many, else one of the source with the most connections. A new
    connection is refused only if each other one has a request in flight.

    Parameters
    ----------
    most, most_of_source
        The most connections, in all and from one source.
    exempt
        Whether a source is exempt from the second limit: a proxy with many clients.
    """

    most: int
    most_of_source: int
    exempt: Callable[[str], bool] = lambda _: False
    _count: int = 0
    _of: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    _idle: defaultdict[str, dict[Connection, None]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    _slow: dict[Connection, None] = field(default_factory=dict)

    def add(self, protocol: Connection, source: str) -> bool:
        """Add a connection, and close another one if necessary; return whether it is accepted."""
        if self._of[source] >= self.most_of_source and not self.exempt(source):
            fits = self._close_idle_of(source)
        elif self._count >= self.most:
            fits = self._close_idle_of(max(self._of, key=self._of.__getitem__)) or any(
                self._close_idle_of(other) for other in list(self._idle)
            )
        else:
            fits = True
        if fits:
            self._count += 1
            self._of[source] += 1
            self._idle[source][protocol] = None
        else:
            self._forget_empty(source)
        return fits

    def remove(self, protocol: Connection, source: str) -> None:
        """Remove a connection that was added."""
        self._count -= 1
        self._of[source] -= 1
        self._idle[source].pop(protocol, None)
        self._forget_empty(source)

    def idle_of(self, source: str) -> dict[Connection, None]:
        """Return the connections of a source without a request in flight, the longest idle first.

        A connection that was added removes itself and adds itself again, which costs each request
        less than a call. The mapping is the same while the source has connections.
        """
        return self._idle[source]

    def add_slow(self, protocol: Connection) -> None:
        """Note that a client is behind with its answer; over `UNSENT_BYTES`, end the slowest."""
        self._slow[protocol] = None
        kept = sum(each.kept for each in self._slow)
        for each in list(self._slow):
            if kept <= UNSENT_BYTES or each is protocol:
                return
            kept -= each.kept
            del self._slow[each]
            each.transport.abort()

    def remove_slow(self, protocol: Connection) -> None:
        """Note that a client has caught up or has left."""
        self._slow.pop(protocol, None)

    def _close_idle_of(self, source: str) -> bool:
        protocol = next(iter(self._idle.get(source, ())), None)
        if protocol is None:
            return False
        protocol.leave()
        return True

    def _forget_empty(self, source: str) -> None:
        if not self._of[source]:
            del self._of[source]
            self._idle.pop(source, None)


def divide_connections() -> tuple[int, int]:
    """Return the most connections of the SCIM port and of the management port.

    They share the files that the process may open, without those that databases and logs need.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    desired = _RESERVED_FILES + MOST_CONNECTIONS + MOST_MANAGEMENT_CONNECTIONS
    most = desired if hard == resource.RLIM_INFINITY else min(hard, desired)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    files = max(8, most - _RESERVED_FILES)
    share = files * MOST_CONNECTIONS // (MOST_CONNECTIONS + MOST_MANAGEMENT_CONNECTIONS)
    return share, files - share
