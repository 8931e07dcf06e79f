"""The command line: ``python -m scim_service serve``, ``backup`` and ``restore``."""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from scim_service import __version__
from scim_service.scim.schemas.parser import SchemaError
from scim_service.settings import SettingsError, read_database_url
from scim_service.store.database.errors import DatabaseError

if TYPE_CHECKING:
    from scim_service.store.copies.backup import Copy

_STANDARD = "-"
"""The file name that stands for standard output or standard input."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command line, and return its exit code."""
    options = _build_parser().parse_args(arguments)
    # All files that are written have users' data.
    os.umask(0o077)
    try:
        code: int = options.run(options)
    except (SettingsError, SchemaError, DatabaseError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return code


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scim-service", description="A SCIM 2.0 service for Microsoft Entra ID."
    )
    parser.add_argument("--version", action="version", version=__version__)
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
    _add_ports(serve)
    _add_tenant(serve)
    for name, run, text in (
        ("backup", _backup, "copy a SQLite database, also while it is served"),
        ("restore", _restore, "replace a SQLite database by a checked copy, also while served"),
    ):
        command = commands.add_parser(name, parents=[database], help=text)
        command.set_defaults(run=run)
        command.add_argument("file", metavar="FILE", help="- for standard input or output")
        command.add_argument(
            "--json", action="store_true", help="report the result as JSON, on standard error"
        )
    return parser


def _add_ports(serve: argparse.ArgumentParser) -> None:
    """Add the options about ports and their clients; each has a variable as its default."""
    variables = os.environ
    serve.add_argument(
        "--host",
        default=variables.get("SCIM_HOST") or None,
        help="the address to listen on; by default the loopback's, and with --config every address"
        " of IPv4 and IPv6 (SCIM_HOST)",
    )
    serve.add_argument(
        "--port", type=int, default=variables.get("SCIM_PORT", "8080"), help="(SCIM_PORT)"
    )
    serve.add_argument(
        "--management-port",
        type=int,
        default=variables.get("SCIM_MANAGEMENT_PORT", "8081"),
        help="0 for none (SCIM_MANAGEMENT_PORT)",
    )
    serve.add_argument(
        "--rate-limit",
        type=float,
        default=variables.get("SCIM_RATE_LIMIT") or None,
        help="the most requests a second, 25 or more; no limit by default (SCIM_RATE_LIMIT)",
    )
    serve.add_argument(
        "--trusted-proxies",
        metavar="CIDR,...",
        default=variables.get("SCIM_TRUSTED_PROXIES") or "",
        help="proxies whose X-Forwarded-For names the client (SCIM_TRUSTED_PROXIES)",
    )


def _add_tenant(serve: argparse.ArgumentParser) -> None:
    """Add the options about the tenant and its tokens; each has a variable as its default."""
    variables = os.environ
    serve.add_argument(
        "--token",
        default=variables.get("SCIM_TOKEN") or None,
        help="the secret token; generated if omitted (SCIM_TOKEN)",
    )
    serve.add_argument(
        "--config",
        type=Path,
        default=variables.get("SCIM_CONFIG_FILE") or None,
        help="config.json of the tenant (SCIM_CONFIG_FILE)",
    )
    serve.add_argument(
        "--tokens",
        type=Path,
        default=variables.get("SCIM_TOKENS_FILE") or None,
        help="tokens.json with the digests of accepted tokens (SCIM_TOKENS_FILE)",
    )
    serve.add_argument(
        "--access",
        type=Path,
        default=variables.get("SCIM_ACCESS_FILE") or None,
        help="access.json with the digests that the management port accepts; without it, it accepts"
        " the tokens of SCIM (SCIM_ACCESS_FILE)",
    )


def _database_url(options: argparse.Namespace) -> str | None:
    """Return the URL of the option, else of the variable; a file takes precedence over a value."""
    if options.database:
        return str(options.database)
    named = options.database_file or os.environ.get("SCIM_DATABASE_URL_FILE")
    if named:
        return read_database_url(Path(named))
    return os.environ.get("SCIM_DATABASE_URL") or None


def _require_database_url(options: argparse.Namespace) -> str:
    """Return the URL of the database, which has no default for a copy.

    Raises
    ------
    SettingsError
        Neither an option nor a variable names a database.
    """
    url = _database_url(options)
    if url is None:
        raise SettingsError(
            "no database is named; name one with --database, --database-file, SCIM_DATABASE_URL or"
            " SCIM_DATABASE_URL_FILE"
        )
    return url


def _backup(options: argparse.Namespace) -> int:
    from scim_service.store.copies.backup import backup

    output = sys.stdout.buffer
    if options.file == _STANDARD and output.isatty():
        raise SettingsError(
            "a backup is not written to a terminal; name a file, or redirect standard output"
        )
    try:
        copy = backup(_require_database_url(options), _parse_file(options), output)
    except BrokenPipeError:
        # At exit Python would write the rest again, with a traceback.
        os.dup2(os.open(os.devnull, os.O_WRONLY), output.fileno())
        raise DatabaseError("the reader of the backup has closed it; no copy was kept") from None
    _report(options, "Backed up", copy)
    return 0


def _restore(options: argparse.Namespace) -> int:
    from scim_service.store.copies.restore import restore

    _report(
        options,
        "Restored",
        restore(_require_database_url(options), _parse_file(options), sys.stdin.buffer),
    )
    return 0


def _parse_file(options: argparse.Namespace) -> Path | None:
    return None if options.file == _STANDARD else Path(options.file)


def _report(options: argparse.Namespace, done: str, copy: "Copy") -> None:
    """Report the result on standard error, since a backup may use standard output."""
    text = json.dumps(copy.document()) if options.json else f"{done} {copy}"
    sys.stderr.write(f"{text}\n")


def _serve(options: argparse.Namespace) -> int:
    # Imported here: a backup runs in the memory that is left of the serving pod.
    from scim_service.server.process import serve

    return serve(options, _database_url(options) or "sqlite:///scim.db")


if __name__ == "__main__":
    sys.exit(main())
