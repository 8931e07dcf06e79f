"""The command line: ``python -m scim_service serve``, ``backup`` and ``restore``."""

import argparse
import asyncio
import contextlib
import gc
import logging
import os
import secrets
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import uvicorn
import uvloop
from starlette.types import ASGIApp

from scim_service import __version__
from scim_service.activity import FLUSH_SECONDS, PRUNE_SECONDS
from scim_service.auth import Tokens, token_from
from scim_service.http.application import scim_application
from scim_service.http.logs import AccessLogWriter, configure_logging
from scim_service.http.management import management_application
from scim_service.http.protocol import IDLE_SECONDS, Connections, connection_limits, protocol_of
from scim_service.http.service import Service
from scim_service.http.source import Sources
from scim_service.scim.schema import Registry, SchemaError
from scim_service.settings import Limits, SettingsError, read_database_url, read_tenant
from scim_service.store.backup import backup, restore
from scim_service.store.database import DatabaseError
from scim_service.store.upgrade import open_database

TOKEN_ID = "local"  # noqa: S105
"""The id of the token of a tenant that is served alone."""

SHUTDOWN_SECONDS = 25
"""How long requests in flight are waited for; a pod is killed after 30 seconds."""

BACKLOG = 2048

_logger = logging.getLogger("scim_service")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line, and return its exit code."""
    options = _parser().parse_args(arguments)
    # Whatever is written holds users' data.
    os.umask(0o077)
    try:
        code: int = options.run(options)
    except (SettingsError, SchemaError, DatabaseError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scim-service", description="A SCIM 2.0 service for Microsoft Entra ID."
    )
    parser.add_argument("--version", action="version", version=__version__)
    environment = os.environ
    database = argparse.ArgumentParser(add_help=False)
    either = database.add_mutually_exclusive_group()
    either.add_argument(
        "--database",
        metavar="URL",
        help="sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME (SCIM_DATABASE_URL)",
    )
    either.add_argument(
        "--database-file",
        type=Path,
        metavar="FILE",
        help="a file that holds the URL (SCIM_DATABASE_URL_FILE)",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serve = commands.add_parser("serve", parents=[database], help="serve one tenant")
    serve.set_defaults(run=_serve)
    serve.add_argument("--host", default=environment.get("SCIM_HOST"), help="(SCIM_HOST)")
    serve.add_argument(
        "--port", type=int, default=environment.get("SCIM_PORT", "8080"), help="(SCIM_PORT)"
    )
    serve.add_argument(
        "--management-port",
        type=int,
        default=environment.get("SCIM_MANAGEMENT_PORT", "8081"),
        help="0 for none (SCIM_MANAGEMENT_PORT)",
    )
    serve.add_argument(
        "--token",
        default=environment.get("SCIM_TOKEN") or None,
        help="the secret token; made up if there is none (SCIM_TOKEN)",
    )
    serve.add_argument(
        "--config",
        type=Path,
        default=environment.get("SCIM_CONFIG_FILE") or None,
        help="config.json of the tenant (SCIM_CONFIG_FILE)",
    )
    serve.add_argument(
        "--tokens",
        type=Path,
        default=environment.get("SCIM_TOKENS_FILE") or None,
        help="tokens.json with the digests that are accepted (SCIM_TOKENS_FILE)",
    )
    serve.add_argument(
        "--access",
        type=Path,
        default=environment.get("SCIM_ACCESS_FILE") or None,
        help="access.json with the digests that the management port accepts; without it, it accepts"
        " the tokens of SCIM (SCIM_ACCESS_FILE)",
    )
    serve.add_argument(
        "--rate-limit",
        type=float,
        default=environment.get("SCIM_RATE_LIMIT") or None,
        help="the most requests a second, 25 or more; no limit by default (SCIM_RATE_LIMIT)",
    )
    serve.add_argument(
        "--trusted-proxies",
        metavar="CIDR,...",
        default=environment.get("SCIM_TRUSTED_PROXIES") or "",
        help="proxies whose X-Forwarded-For names the source of a request (SCIM_TRUSTED_PROXIES)",
    )
    for name, run, text in (
        ("backup", _backup, "copy the database to a new file, while it is served"),
        ("restore", _restore, "put a checked copy in the place of the database"),
    ):
        command = commands.add_parser(name, parents=[database], help=text)
        command.set_defaults(run=run)
        command.add_argument("file", type=Path, metavar="FILE")
    return parser


def _database_url(options: argparse.Namespace) -> str:
    """Return the URL of the option, else of the variable; a file wins over a value."""
    if options.database:
        return str(options.database)
    named = options.database_file or os.environ.get("SCIM_DATABASE_URL_FILE")
    if named:
        return read_database_url(Path(named))
    return os.environ.get("SCIM_DATABASE_URL") or "sqlite:///scim.db"


def _backup(options: argparse.Namespace) -> int:
    backup(_database_url(options), options.file)
    return 0


def _restore(options: argparse.Namespace) -> int:
    restore(_database_url(options), options.file)
    return 0


def _serve(options: argparse.Namespace) -> int:
    configure_logging()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_serve_tenant(options))


async def _serve_tenant(options: argparse.Namespace) -> int:
    tenant = read_tenant(options.config)
    limits = Limits(rate=options.rate_limit)
    sources = Sources(filter(None, options.trusted_proxies.split(",")))
    registry = Registry.load(tenant.provisioning.schema_extensions)
    # In a pod the tenant is configured by a file and reached from outside.
    host = options.host or ("127.0.0.1" if options.config is None else "0.0.0.0")  # noqa: S104
    listener = _listen(host, options.port, "--port")
    management = None
    if options.management_port:
        management = _listen(host, options.management_port, "--management-port")
    made_up = None
    if options.token is None and options.tokens is None:
        # With a letter first: a program would take one that begins with "-" for an option.
        made_up = f"scim_{secrets.token_urlsafe(32)}"
    secret = options.token or made_up
    fixed = [] if secret is None else [token_from(secret, token_id=TOKEN_ID)]
    database = await open_database(_database_url(options))
    try:
        service = await Service.over(
            database,
            tenant=tenant,
            registry=registry,
            tokens=Tokens(options.tokens, fixed),
            access=None if options.access is None else Tokens(options.access),
            limits=limits,
            sources=sources,
        )
        access_log = AccessLogWriter(sys.stdout.buffer)
        # A port of its own has room of its own, so that health checks are always answered.
        scim_room, management_room = connection_limits()
        exempt = sources.is_trusted
        servers = [
            (
                _server(
                    scim_application(service, access_log),
                    Connections(scim_room, max(1, scim_room // 4), exempt),
                ),
                listener,
            )
        ]
        if management is not None:
            connections = Connections(management_room, max(1, management_room // 4), exempt)
            servers.append((_server(management_application(service), connections), management))
        url = tenant.tenant_url or f"http://{host}:{listener.getsockname()[1]}{tenant.base_path}"
        _logger.info("tenant %s is served at %s", tenant.tenant, url)
        if options.config is None:
            _announce(url, secret)
        await _run(service, servers)
        access_log.flush()
    finally:
        await database.close()
    return 0


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


async def _run(service: Service, servers: list[tuple[_Server, socket.socket]]) -> None:
    """Serve until SIGINT or SIGTERM, then finish the requests in flight."""

    def stop() -> None:
        for server, _ in servers:
            server.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    chores = [
        asyncio.create_task(_repeat(service.activity.flush, FLUSH_SECONDS)),
        asyncio.create_task(_repeat(service.activity.prune, PRUNE_SECONDS)),
    ]
    # What is there now stays; the collector need not look at it again.
    gc.collect()
    gc.freeze()
    await asyncio.gather(*(server.serve(sockets=[listener]) for server, listener in servers))
    for chore in chores:
        chore.cancel()
    await asyncio.gather(*chores, return_exceptions=True)
    await service.activity.flush()


async def _repeat(chore: Callable[[], Awaitable[None]], seconds: float) -> None:
    while True:
        await asyncio.sleep(seconds)
        try:
            await chore()
        except Exception:
            _logger.exception("%s failed; it is tried again", chore.__name__)


def _listen(host: str, port: int, option: str) -> socket.socket:
    """Return a listening socket.

    Raises
    ------
    SettingsError
        The port is taken, or may not be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except (OSError, OverflowError) as error:
        raise SettingsError(
            f"cannot listen on {host} port {port}: {error}; choose another port with {option}"
        ) from error


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


if __name__ == "__main__":
    sys.exit(main())
