"""Parsing of database URLs, with errors that name the wrong part but never its value.

The URL is a secret, and a user who may name a Secret need not be allowed to read it. So a message
never contains a part of the value. Everything that asyncpg accepts is accepted, because a tenant's
URL that worked before must still work.
"""

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias
from urllib.parse import SplitResult, parse_qsl, unquote_to_bytes, urlsplit

from scim_service.store.database.errors import DatabaseError

VERIFYING = frozenset({"verify-ca", "verify-full"})
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")

_FORM = "postgresql://USER:PASSWORD@HOST:PORT/DATABASE or sqlite:///FILE"
_ENCODE = "percent-encode % / # ? @ : [ ] in user and password"
_POSTGRES = {"postgresql", "postgres"}
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9.-]*)(?:\+[A-Za-z0-9.-]*)?://")
# Bytes in the environment that are not UTF-8 become surrogates.
_UNUSABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
# The standard library removes these from a URL, too.
_REMOVED = str.maketrans("", "", "\t\r\n")
_LARGEST_PORT = 65535


@dataclass(frozen=True, slots=True)
class SqliteUrl:
    """A database file."""

    path: Path = field(repr=False)


@dataclass(frozen=True, slots=True)
class PostgresUrl:
    """A PostgreSQL database.

    Attributes
    ----------
    dsn
        The URL for asyncpg.
    parameters
        The parameters after the ``?``.
    hosts
        The hosts of the servers; a path is the folder of a Unix socket.
    """

    dsn: str = field(repr=False)
    parameters: dict[str, str] = field(repr=False)
    hosts: tuple[str, ...] = field(repr=False)

    @property
    def is_verified(self) -> bool:
        """Whether the server must prove its identity with a certificate, or is this machine."""
        mode = self.parameters.get("sslmode", "").replace("_", "-")
        return mode in VERIFYING or all(map(_is_local, self.hosts))


DatabaseUrl: TypeAlias = SqliteUrl | PostgresUrl


def parse_database_url(text: str) -> DatabaseUrl:
    """Parse a database URL.

    The parts are those of libpq, "Connection URIs" (PostgreSQL's documentation, 34.1.1.2).

    Raises
    ------
    DatabaseError
        A part is wrong; the message names the part, and never its value.
    """
    text = text.strip().translate(_REMOVED)
    if not text:
        raise _error("it is empty", f"write {_FORM}")
    if _UNUSABLE.search(text):
        raise _error("it has a control character or is not UTF-8", f"write {_FORM}")
    found = _SCHEME.match(text)
    if found is None:
        wrong = "it is a list of words with =" if "=" in text else "it has no scheme"
        raise _error(wrong, f"write {_FORM}")
    scheme = found[1].lower()
    rest = text[found.end() :]
    if scheme == "sqlite":
        return SqliteUrl(_sqlite_path(rest))
    if scheme not in _POSTGRES:
        raise _error("its scheme is neither postgresql nor sqlite", f"write {_FORM}")
    return _postgres(f"postgresql://{rest}")


def _error(problem: str, remedy: str) -> DatabaseError:
    return DatabaseError(f"the database URL cannot be used: {problem}; {remedy}")


def _sqlite_path(rest: str) -> Path:
    name = rest.partition("?")[0]
    if not name.startswith("/") or name in {"/", "/:memory:"}:
        raise _error(
            "it names no file",
            "write sqlite:///scim.db for a file here, or sqlite:////var/lib/scim/scim.db for an"
            " absolute path",
        )
    return Path(name[1:])


def _postgres(dsn: str) -> PostgresUrl:
    try:
        parts = urlsplit(dsn)
    except ValueError:
        raise _error("its host is not valid", f"put IPv6 addresses in [ ], and {_ENCODE}") from None
    _check_at_signs(parts)
    user_info, _, hosts = parts.netloc.rpartition("@")
    for part, value in (
        ("user or password", user_info),
        ("host", hosts),
        ("database name", parts.path),
    ):
        _check_encoding(part, value)
    parameters = _parameters(parts.query)
    named = hosts or parameters.get("host", "")
    return PostgresUrl(dsn, parameters, tuple(_hosts(named)))


def _check_at_signs(parts: SplitResult) -> None:
    if parts.netloc.count("@") > 1:
        raise _error("it has more than one @ before its host", _ENCODE)
    if "@" not in parts.netloc and "@" in parts.path + parts.query + parts.fragment:
        raise _error("it has an @ after the first / ? or #", _ENCODE)


def _check_encoding(part: str, value: str) -> None:
    try:
        decoded = unquote_to_bytes(value).decode()
    except UnicodeError:
        raise _error(f"its {part} is not UTF-8", "percent-encode the bytes of UTF-8") from None
    if "\0" in decoded:
        raise _error(f"its {part} contains NUL", "remove %00")


def _parameters(query: str) -> dict[str, str]:
    try:
        parameters = dict(parse_qsl(query, strict_parsing=True)) if query else {}
    except ValueError:
        raise _error("a parameter after the ? has no =", _ENCODE) from None
    if parameters.get("sslmode", "prefer").replace("_", "-") not in SSL_MODES:
        raise _error("its sslmode is unknown", f"it is one of {', '.join(SSL_MODES)}")
    for port in filter(None, parameters.get("port", "").split(",")):
        _check_port(port)
    return parameters


def _hosts(named: str) -> Iterator[str]:
    """Return the hosts of a list of hosts with optional ports."""
    for each in named.split(",") if named else ():
        text = unquote_to_bytes(each).decode()
        if text.startswith("/"):
            yield text
            continue
        if text.startswith("["):
            address, closed, port = text[1:].partition("]")
            _check_address(address, closed, port)
            port = port.removeprefix(":")
        else:
            address, _, port = text.partition(":")
            _check_name(address)
        if port:
            _check_port(port)
        yield address


def _check_address(address: str, closed: str, rest: str) -> None:
    try:
        valid = bool(closed) and ipaddress.ip_address(address).version == 6
    except ValueError:
        valid = False
    if not valid or (rest and not rest.startswith(":")):
        raise _error("its host is no IPv6 address in [ ]", "write [ADDRESS]:PORT")


def _check_name(name: str) -> None:
    try:
        name.encode("idna")
    except UnicodeError:
        raise _error("its host is not a valid name", "check each part between dots") from None


def _check_port(port: str) -> None:
    if not re.fullmatch(r"[0-9]{1,5}", port):
        raise _error("its port is not a number", f"write HOST:PORT, and {_ENCODE}")
    if not 0 < int(port) <= _LARGEST_PORT:
        raise _error("its port is out of range", f"it is between 1 and {_LARGEST_PORT}")


def _is_local(host: str) -> bool:
    if host.startswith("/") or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
