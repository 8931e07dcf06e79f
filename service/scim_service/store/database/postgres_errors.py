"""Why PostgreSQL cannot be reached, in messages that contain no part of the database URL.

The messages of the driver and the server name the host, the user and the database. Each of them may
be another secret that is in the URL by mistake, so no message is repeated.
"""

import os
import socket
import ssl
import warnings
from pathlib import Path

import asyncpg

from scim_service.store.database.errors import DatabaseError
from scim_service.store.database.url import VERIFYING, PostgresUrl

_FILES = ("sslrootcert", "sslcert", "sslkey", "sslcrl")
_OWN_AUTHORITIES = Path("~/.postgresql/root.crt")
# X.509 verification results of OpenSSL.
_EXPIRED = 10
_WRONG_NAME = {62, 64}

# Searched in this order: a subclass precedes its base class.
_REASONS: tuple[tuple[type[BaseException], str], ...] = (
    (
        asyncpg.InvalidAuthorizationSpecificationError,
        "the server refuses user or password, or its pg_hba.conf asks for TLS or another address",
    ),
    (asyncpg.InvalidCatalogNameError, "the server has no such database"),
    (asyncpg.InsufficientPrivilegeError, "the user may not connect to the database"),
    (asyncpg.TooManyConnectionsError, "the server has no connection left"),
    (asyncpg.CannotConnectNowError, "the server is starting or stopping"),
    (asyncpg.UndefinedObjectError, "the server does not know a parameter after the ?"),
    (asyncpg.CantChangeRuntimeParamError, "a parameter after the ? cannot be set by a client"),
    (asyncpg.DataError, "a parameter after the ? has a value that the server does not accept"),
    (
        asyncpg.ClientConfigurationError,
        "a parameter after the ? has an unusable value, or hosts and ports do not match",
    ),
    (socket.gaierror, "the host's name cannot be resolved"),
    (ssl.SSLError, "TLS with the server fails"),
    (ConnectionRefusedError, "nothing listens at the host and port"),
    (TimeoutError, "there is no answer in time from the host and port"),
    (ConnectionResetError, "the server closes the connection"),
)


def connection_problem(error: BaseException) -> str:
    """Return why a connection fails."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _certificate_problem(error.verify_code)
    if type(error) is ConnectionError:
        return "the server offers no TLS, which sslmode asks for, or breaks off"
    reason = next((text for kind, text in _REASONS if isinstance(error, kind)), None)
    if isinstance(error, asyncpg.PostgresError):
        return f"{reason or type(error).__name__} (SQLSTATE {error.sqlstate})"
    if reason is None and isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    return reason or type(error).__name__


def _certificate_problem(code: int) -> str:
    if code in _WRONG_NAME:
        return "the server's certificate is for another host name than the URL's (sslmode)"
    if code == _EXPIRED:
        return "the server's certificate has expired"
    return f"no authority of sslrootcert has signed the server's certificate (OpenSSL: {code})"


def check_files(url: PostgresUrl) -> None:
    """Check that the files named in the URL can be used.

    Raises
    ------
    DatabaseError
        One cannot be used; the message names the parameter.
    """
    # asyncpg warns about a passfile, and the warning has its name.
    warnings.filterwarnings("ignore", module=r"asyncpg\.")
    for name in _FILES:
        if path := url.parameters.get(name):
            _check_file(name, path)
    mode = url.parameters.get("sslmode", "").replace("_", "-")
    authorities = url.parameters.get("sslrootcert") or os.environ.get("PGSSLROOTCERT")
    if mode in VERIFYING and not authorities and not _OWN_AUTHORITIES.expanduser().exists():
        raise DatabaseError(
            f"the database URL cannot be used: sslmode={mode} needs sslrootcert; name a file with"
            " the certificates of the authorities"
        )


def _check_file(name: str, path: str) -> None:
    try:
        Path(path).open("rb").close()
        if name == "sslrootcert":
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=path)
    except ssl.SSLError:
        raise DatabaseError(
            f"the database URL cannot be used: the file of {name} has no certificate in PEM form"
        ) from None
    except OSError as error:
        raise DatabaseError(
            f"the database URL cannot be used: the file of {name} cannot be read: {error.strerror}"
        ) from None
