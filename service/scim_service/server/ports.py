"""The two ports of a process, each served by an HTTP server of its own."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator, Sequence

import uvicorn
from starlette.types import ASGIApp

from scim_service.server.connections import Connections, divide_connections
from scim_service.server.http_connection import IDLE_SECONDS, connection_factory

SHUTDOWN_SECONDS = 25
"""The time that requests in flight have to end; a pod is killed after 30 seconds."""


class _Server(uvicorn.Server):
    """A server that leaves the signals to the process, which has two servers."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Ports:
    """The servers of the SCIM port and of the management port.

    Parameters
    ----------
    scim, management
        The application and the sockets of each port; no sockets for no management port.
    exempt
        Whether a source is exempt from the limit of connections from one source.
    """

    def __init__(
        self,
        scim: tuple[ASGIApp, Sequence[socket.socket]],
        management: tuple[ASGIApp, Sequence[socket.socket]],
        exempt: Callable[[str], bool],
    ) -> None:
        # Each port has its own connections, so that health checks are always answered.
        self._servers = [
            (_build_server(application, Connections(most, max(1, most // 4), exempt)), sockets)
            for (application, sockets), most in zip(
                (scim, management), divide_connections(), strict=True
            )
            if sockets
        ]

    async def serve(self) -> None:
        """Serve until `stop`, and finish the requests in flight."""
        # A server closes the sockets that it is given.
        await asyncio.gather(
            *(
                server.serve(sockets=[each.dup() for each in sockets])
                for server, sockets in self._servers
            )
        )

    def stop(self) -> None:
        """Accept no more requests."""
        for server, _ in self._servers:
            server.should_exit = True


def _build_server(application: ASGIApp, connections: Connections) -> _Server:
    return _Server(
        uvicorn.Config(
            application,
            http=connection_factory(connections),
            timeout_keep_alive=IDLE_SECONDS,
            lifespan="off",
            access_log=False,
            log_config=None,
            # The levels below have what strangers send.
            log_level="error",
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        )
    )
