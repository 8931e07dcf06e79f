"""Serving one tenant: its two ports, and its chores, until the process is told to end."""

import argparse
import asyncio
import contextlib
import gc
import logging
import secrets
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path

import uvicorn
import uvloop
from starlette.types import ASGIApp

from scim_service.http.application import scim_application
from scim_service.http.client_address import TrustedProxies
from scim_service.http.management import management_application
from scim_service.logs import AccessLogWriter, configure_logging
from scim_service.server.connections import (
    IDLE_SECONDS,
    Connections,
    connection_limits,
    protocol_of,
)
from scim_service.server.sockets import authority, listen
from scim_service.store.migrations.upgrade import open_database, waiting_copy
from scim_service.tenant.activity import FLUSH_SECONDS, PRUNE_SECONDS
from scim_service.tenant.config import TenantConfig, read_config
from scim_service.tenant.limits import Limits
from scim_service.tenant.operations.required_attributes import check_configuration
from scim_service.tenant.tenant import Tenant
from scim_service.tenant.tokens import Tokens, token_from
from scim_service.worker import Worker, work_thread

TOKEN_ID = "local"  # noqa: S105
"""The id of the token of a tenant that is served alone."""

SHUTDOWN_SECONDS = 25
"""How long requests in flight are waited for; a pod is killed after 30 seconds."""

RESTORED_SECONDS = 1.0
"""How often a restored copy is looked for."""

_logger = logging.getLogger("scim_service")


def serve(options: argparse.Namespace, url: str) -> int:
    """Serve until SIGINT or SIGTERM, and return the exit code.

    Parameters
    ----------
    options
        Those of the command ``serve``.
    url
        The database.
    """
    config = read_config(options.config)
    configure_logging(config.name)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_serve_tenant(options, url, config))


async def _serve_tenant(options: argparse.Namespace, url: str, config: TenantConfig) -> int:
    limits = Limits(rate=options.rate_limit)
    proxies = TrustedProxies(filter(None, options.trusted_proxies.split(",")))
    thread = work_thread()
    registry = config.provisioning.load_registry()
    check_configuration(config.provisioning.required_attributes, registry.user)
    # In a pod the tenant is configured by a file and reached from outside.
    host = options.host or ("127.0.0.1" if options.config is None else None)
    made_up = None
    if options.token is None and options.tokens is None:
        # With a letter first: a program would take one that begins with "-" for an option.
        made_up = f"scim_{secrets.token_urlsafe(32)}"
    secret = options.token or made_up
    fixed = [] if secret is None else [token_from(secret, token_id=TOKEN_ID)]
    access_log = AccessLogWriter(sys.stdout.buffer)
    told = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    copy = waiting_copy(url)
    with contextlib.ExitStack() as sockets:
        listeners = listen(host, options.port, "--port")
        management = []
        if options.management_port:
            management = listen(host, options.management_port, "--management-port")
        for each in (*listeners, *management):
            sockets.enter_context(each)
        announce = options.config is None
        tenant_url = config.tenant_url or (f"http://{authority(listeners[0])}{config.base_path}")
        while not told.is_set():
            database = await open_database(url)
            try:
                tenant = await Tenant.open(
                    database,
                    config=config,
                    registry=registry,
                    tokens=Tokens(options.tokens, fixed),
                    access=None if options.access is None else Tokens(options.access),
                    limits=limits,
                    worker=Worker(thread),
                )
                servers = _servers(tenant, proxies, access_log, listeners, management)
                _logger.info("tenant %s is served at %s", config.name, tenant_url)
                if announce:
                    _announce(tenant_url, secret)
                    announce = False
                await _run(tenant, servers, told, copy)
                access_log.flush()
            finally:
                await database.close()
    return 0


def _servers(
    tenant: Tenant,
    proxies: TrustedProxies,
    access_log: AccessLogWriter,
    listeners: list[socket.socket],
    management: list[socket.socket],
) -> list[tuple["_Server", list[socket.socket]]]:
    # A port of its own has room of its own, so that health checks are always answered.
    scim_room, management_room = connection_limits()
    exempt = proxies.is_trusted
    connections = Connections(scim_room, max(1, scim_room // 4), exempt)
    servers = [(_server(scim_application(tenant, access_log, proxies), connections), listeners)]
    if management:
        connections = Connections(management_room, max(1, management_room // 4), exempt)
        servers.append((_server(management_application(tenant), connections), management))
    return servers


class _Server(uvicorn.Server):
    """A server that leaves the signals to the program, which has two servers."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _server(application: ASGIApp, connections: Connections) -> _Server:
    return _Server(
        uvicorn.Config(
            application,
            http=protocol_of(connections),
            timeout_keep_alive=IDLE_SECONDS,
            lifespan="off",
            access_log=False,
            log_config=None,
            # Below it is what strangers send.
            log_level="error",
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        )
    )


async def _run(
    tenant: Tenant,
    servers: list[tuple[_Server, list[socket.socket]]],
    told: asyncio.Event,
    copy: Path | None,
) -> None:
    """Serve until the process is told to end or a restored copy waits.

    Requests in flight are finished. Meanwhile new connections wait in the sockets.
    """
    chores = [
        asyncio.create_task(_repeat(tenant.activity.flush, FLUSH_SECONDS)),
        asyncio.create_task(_repeat(tenant.activity.prune, PRUNE_SECONDS)),
        asyncio.create_task(_repeat(tenant.repository.page_starts.flush, FLUSH_SECONDS)),
        asyncio.create_task(_stop_when(told, copy, [server for server, _ in servers])),
    ]
    # What is there now stays; the collector need not look at it again.
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    # A server closes the sockets it is given.
    await asyncio.gather(
        *(server.serve(sockets=[each.dup() for each in sockets]) for server, sockets in servers)
    )
    for chore in chores:
        chore.cancel()
    await asyncio.gather(*chores, return_exceptions=True)
    await tenant.activity.flush()
    await tenant.repository.page_starts.flush()


async def _stop_when(told: asyncio.Event, copy: Path | None, servers: Sequence[_Server]) -> None:
    while not told.is_set() and not _waits(copy):
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(told.wait(), RESTORED_SECONDS)
    for server in servers:
        server.should_exit = True


def _waits(copy: Path | None) -> bool:
    return copy is not None and copy.exists()


async def _repeat(chore: Callable[[], Awaitable[None]], seconds: float) -> None:
    while True:
        await asyncio.sleep(seconds)
        try:
            await chore()
        except Exception:
            _logger.exception("%s failed; it is tried again", chore.__name__)


def _announce(url: str, secret: str | None) -> None:
    """Print what is pasted into Entra's Provisioning page, to the terminal only."""
    shown = secret or "one of those in the tokens file"
    if not sys.stderr.isatty():
        sys.stderr.write(f"Tenant URL: {url}\nSecret Token: {shown}\n")
        return
    # Imported here since a pod has no terminal.
    from rich.console import Console
    from rich.table import Table

    table = Table(show_header=False, title="Entra: Provisioning, Admin Credentials")
    table.add_row("Tenant URL", url)
    table.add_row("Secret Token", shown)
    Console(stderr=True).print(table)
