"""The address of a request's client, and what client and edge say of themselves."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from functools import lru_cache

from starlette.types import Scope

from scim_service.settings import SettingsError

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_REMEMBERED = 1024

HEADER_CHARACTERS = 128
"""The most characters that are kept of a header."""

_UNPRINTABLE = re.compile(r"[^ -~]")
_TRACE = re.compile(rb"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")


class TrustedProxies:
    """The proxies that are trusted to name the client of a request.

    Parameters
    ----------
    trusted
        Their networks (CIDR), or addresses.

    Raises
    ------
    SettingsError
        One of them is not a network.
    """

    def __init__(self, trusted: Iterable[str] = ()) -> None:
        self._trusted = tuple(map(_parse_network, trusted))
        self.is_trusted = lru_cache(_REMEMBERED)(self._is_trusted)

    def find_client(self, scope: Scope) -> str:
        """Return the address of a request's client: the last one that is no trusted proxy's."""
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
            address = _parse_address(hop)
            if address is None:
                # A client may send anything: it is not passed on.
                return source
            source = str(address)
            if not self.is_trusted(source):
                return source
        return source

    def _is_trusted(self, source: str) -> bool:
        address = _parse_address(source)
        return address is not None and any(address in network for network in self._trusted)


def read_sender(scope: Scope) -> tuple[str | None, str | None, str | None]:
    """Return a request's id from the edge, the name of its client, and its addresses.

    The id is the ``X-Request-Id``, else the trace id of the ``traceparent`` (W3C Trace Context),
    the name is the ``User-Agent``, the addresses are the ``X-Forwarded-For``. All are printable
    ASCII, and none of them is verified.
    """
    edge_id = trace_id = agent = forwarded = None
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            edge_id = value
        elif name == b"user-agent":
            agent = value
        elif name == b"x-forwarded-for":
            # The last address is the one that the nearest proxy has added.
            forwarded = value[-HEADER_CHARACTERS:]
        elif name == b"traceparent" and (found := _TRACE.match(value)):
            trace_id = found[1]
    if trace_id and not edge_id:
        edge_id = trace_id
    return (
        _to_printable(edge_id) if edge_id else None,
        _client_name(agent) if agent else None,
        _to_printable(forwarded) if forwarded else None,
    )


def _to_printable(value: bytes) -> str:
    return _UNPRINTABLE.sub("?", value[:HEADER_CHARACTERS].decode("latin-1"))


# A client sends the same name with each request.
_client_name = lru_cache(64)(_to_printable)


def _parse_network(text: str) -> _Network:
    try:
        return ipaddress.ip_network(text.strip(), strict=False)
    except ValueError as error:
        raise SettingsError(
            f"{text!r} is not a network of trusted proxies; write it as 10.0.0.0/8"
            " (SCIM_TRUSTED_PROXIES)"
        ) from error


def _parse_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return an address, None for another text; proxies may add a port to it."""
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
