"""Where a request comes from: the address of its client, told by proxies that are trusted."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from functools import lru_cache

from starlette.types import Scope

from scim_service.settings import SettingsError

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_REMEMBERED = 1024


class Sources:
    """Tells sources, as text.

    Parameters
    ----------
    trusted
        Networks (CIDR) of proxies whose ``X-Forwarded-For`` is believed; addresses are networks,
        too.

    Raises
    ------
    SettingsError
        One of them is no network.
    """

    def __init__(self, trusted: Iterable[str] = ()) -> None:
        self._trusted = tuple(map(_network, trusted))
        self.is_trusted = lru_cache(_REMEMBERED)(self._is_trusted)

    def of(self, scope: Scope) -> str:
        """Return the address of a request's client: the last one that no trusted proxy has."""
        client = scope.get("client")
        source: str = client[0] if client else ""
        if not self._trusted or not self.is_trusted(source):
            return source
        hops = [
            hop.strip()
            for name, value in scope["headers"]
            if name == b"x-forwarded-for"
            for hop in value.decode("latin-1").split(",")
        ]
        for hop in reversed(hops):
            address = _address(hop)
            if address is None:
                # What a client has made up is not passed on.
                return source
            source = str(address)
            if not self.is_trusted(source):
                return source
        return source

    def _is_trusted(self, source: str) -> bool:
        address = _address(source)
        return address is not None and any(address in network for network in self._trusted)


def _network(text: str) -> _Network:
    try:
        return ipaddress.ip_network(text.strip(), strict=False)
    except ValueError as error:
        raise SettingsError(
            f"{text!r} is no network of trusted proxies; write it as 10.0.0.0/8"
            " (SCIM_TRUSTED_PROXIES)"
        ) from error


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Read an address; proxies may add a port to it."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address
