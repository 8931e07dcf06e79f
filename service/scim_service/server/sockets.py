"""The sockets of a port."""

import errno
import socket

from scim_service.settings import SettingsError

BACKLOG = 2048

_ABSENT = {errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL}
"""What a kernel answers that has not the family, or has no address of it."""


def listen(host: str | None, port: int, option: str) -> list[socket.socket]:
    """Return listening sockets.

    Parameters
    ----------
    host
        An address, or the name of one; None for all of IPv4 and IPv6, or of the one that there is.
        Each family has a socket of its own, so that IPv4 clients keep their IPv4 addresses.
    option
        The option that chooses the port, for the message.

    Raises
    ------
    SettingsError
        The port is taken, or may not be used.
    """
    if host is not None:
        return [_socket(socket.AF_INET6 if ":" in host else socket.AF_INET, host, port, option)]
    sockets: list[socket.socket] = []
    for family, every in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):  # noqa: S104
        try:
            # The second socket takes the port that the first one was given.
            taken = sockets[0].getsockname()[1] if sockets else port
            sockets.append(_socket(family, every, taken, option))
        except SettingsError as error:
            cause = error.__cause__
            if not isinstance(cause, OSError) or cause.errno not in _ABSENT:
                for each in sockets:
                    each.close()
                raise
    if not sockets:
        raise SettingsError("cannot listen: this machine has neither IPv4 nor IPv6")
    return sockets


def _socket(family: socket.AddressFamily, host: str, port: int, option: str) -> socket.socket:
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except (OSError, OverflowError) as error:
        raise SettingsError(
            f"cannot listen on {host} port {port}: {error}; choose another port with {option}"
        ) from error


def authority(listener: socket.socket) -> str:
    """Return the address and port of a socket as they stand in a URL (RFC 3986 3.2.2)."""
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
