"""The listening sockets of a port."""

import errno
import socket

from scim_service.settings import SettingsError

BACKLOG = 2048

_ABSENT = {errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL}
"""The errors of a kernel that does not support a family, or has no address of it."""

_EVERY_ADDRESS = ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::"))  # noqa: S104


class _AbsentFamilyError(SettingsError):
    """The machine has no addresses of the family."""


def listen(host: str | None, port: int, option: str) -> list[socket.socket]:
    """Return listening sockets.

    Parameters
    ----------
    host
        An address, or a host name; None for each address of IPv4 and of IPv6, or of the family
        that the machine has. Each family has its own socket, so that IPv4 clients keep their IPv4
        addresses.
    option
        The option that sets the port, for the message.

    Raises
    ------
    SettingsError
        The port is in use, or the process may not use it.
    """
    if host is not None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return [_create_socket(family, host, port, option)]
    sockets: list[socket.socket] = []
    try:
        for family, every in _EVERY_ADDRESS:
            # The second socket has the port that the first one was given.
            given = sockets[0].getsockname()[1] if sockets else port
            sockets += _create_if_present(family, every, given, option)
    except SettingsError:
        for each in sockets:
            each.close()
        raise
    if not sockets:
        raise SettingsError("cannot listen: this machine has neither IPv4 nor IPv6")
    return sockets


def _create_if_present(
    family: socket.AddressFamily, host: str, port: int, option: str
) -> list[socket.socket]:
    try:
        return [_create_socket(family, host, port, option)]
    except _AbsentFamilyError:
        return []


def _create_socket(
    family: socket.AddressFamily, host: str, port: int, option: str
) -> socket.socket:
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except (OSError, OverflowError) as error:
        is_absent = isinstance(error, OSError) and error.errno in _ABSENT
        kind = _AbsentFamilyError if is_absent else SettingsError
        raise kind(
            f"cannot listen on {host} port {port}: {error}; choose another port with {option}"
        ) from error


def format_authority(listener: socket.socket) -> str:
    """Return the address and port of a socket as a URL has them (RFC 3986 section 3.2.2)."""
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
