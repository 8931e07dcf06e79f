"""A process that serves one tenant until a signal ends it."""

import argparse
import asyncio
import contextlib
import gc
import logging
import secrets
import signal
import socket
import sys
from collections.abc import Sequence

import uvloop

from scim_service.http.application import scim_application
from scim_service.http.client_address import TrustedProxies
from scim_service.http.management import management_application
from scim_service.logs import AccessLogWriter, configure_logging, log_as
from scim_service.server.announcement import show_credentials
from scim_service.server.chores import run_chores
from scim_service.server.ports import Ports
from scim_service.server.sockets import format_authority, listen
from scim_service.store.database.database import Database
from scim_service.store.migrations.upgrade import open_database, waiting_copy
from scim_service.tenant.config import TenantConfig, read_config
from scim_service.tenant.limits import Limits
from scim_service.tenant.operations.required_attributes import check_configuration
from scim_service.tenant.tenant import Tenant
from scim_service.tenant.tokens import Tokens, token_from
from scim_service.worker import Worker, work_thread

TOKEN_ID = "local"  # noqa: S105
"""The id of the token of a tenant that is served alone."""

RESTORED_SECONDS = 1.0
"""The interval between two checks for a restored copy."""

_logger = logging.getLogger("scim_service")


def serve(options: argparse.Namespace, url: str) -> int:
    """Serve until SIGINT or SIGTERM, and return the exit code.

    Parameters
    ----------
    options
        The options of the command ``serve``.
    url
        The URL of the database.
    """
    config = read_config(options.config)
    configure_logging(config.name)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_serve_tenant(options, url, config))


async def _serve_tenant(options: argparse.Namespace, url: str, config: TenantConfig) -> int:
    process = _Process(options, url, config)
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    # In a pod the tenant is configured by a file and reached from outside.
    host = options.host or ("127.0.0.1" if options.config is None else None)
    with contextlib.ExitStack() as sockets, log_as(config.name):
        listeners = listen(host, options.port, "--port")
        management = []
        if options.management_port:
            management = listen(host, options.management_port, "--management-port")
        for each in (*listeners, *management):
            sockets.enter_context(each)
        while not stopped.is_set():
            await process.serve(listeners, management, stopped)
    return 0


class _Process:
    """The parts that stay when the database is opened again after a restore."""

    def __init__(self, options: argparse.Namespace, url: str, config: TenantConfig) -> None:
        self._options = options
        self._url = url
        self._config = config
        self._limits = Limits(rate=options.rate_limit)
        self._proxies = TrustedProxies(filter(None, options.trusted_proxies.split(",")))
        self._registry = config.provisioning.load_registry()
        check_configuration(config.provisioning.required_attributes, self._registry.user)
        self._secret = options.token
        if self._secret is None and options.tokens is None:
            # With a letter first: a program would take one that begins with "-" for an option.
            self._secret = f"scim_{secrets.token_urlsafe(32)}"
        self._restored_copy = waiting_copy(url)
        self._worker = Worker(work_thread())
        self._access_log = AccessLogWriter(sys.stdout.buffer)
        self._must_announce = options.config is None

    async def serve(
        self,
        listeners: Sequence[socket.socket],
        management: Sequence[socket.socket],
        stopped: asyncio.Event,
    ) -> None:
        """Open the database and serve until the process ends or a restored copy waits."""
        database = await open_database(self._url)
        try:
            tenant = await self._open_tenant(database)
            self._announce(listeners[0])
            ports = Ports(
                (scim_application(tenant, self._access_log, self._proxies), listeners),
                (management_application(tenant), management),
                self._proxies.is_trusted,
            )
            # The objects of the start stay; the collector need not look at them again.
            gc.unfreeze()
            gc.collect()
            gc.freeze()
            async with run_chores(tenant):
                watch = asyncio.create_task(self._stop_in_time(ports, stopped))
                await ports.serve()
                watch.cancel()
            self._access_log.flush()
        finally:
            await database.close()

    async def _open_tenant(self, database: Database) -> Tenant:
        options = self._options
        fixed = [] if self._secret is None else [token_from(self._secret, token_id=TOKEN_ID)]
        return await Tenant.open(
            database,
            config=self._config,
            registry=self._registry,
            tokens=Tokens(options.tokens, fixed),
            access=None if options.access is None else Tokens(options.access),
            limits=self._limits,
            worker=self._worker,
        )

    async def _stop_in_time(self, ports: Ports, stopped: asyncio.Event) -> None:
        """Stop the ports when a signal ends the process, or when a restored copy waits."""
        copy = self._restored_copy
        while not stopped.is_set() and not (copy is not None and copy.exists()):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopped.wait(), RESTORED_SECONDS)
        ports.stop()

    def _announce(self, listener: socket.socket) -> None:
        """Log the Tenant URL; the first time, also show the credentials to a person."""
        url = self._config.tenant_url
        if url is None:
            url = f"http://{format_authority(listener)}{self._config.base_path}"
        _logger.info("tenant %s is served at %s", self._config.name, url)
        if self._must_announce:
            self._must_announce = False
            show_credentials(url, self._secret)
