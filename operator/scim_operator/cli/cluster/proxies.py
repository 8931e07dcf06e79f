"""Connects to the API server, directly or through the proxy of the kubeconfig or environment.

The environment is read as Go programs do (HTTPS_PROXY, HTTP_PROXY, NO_PROXY with domains,
addresses and networks), so that the plugin uses the same proxy as kubectl.
"""

from __future__ import annotations

import base64
import ipaddress
import socket
import ssl
from collections.abc import Mapping
from urllib.parse import SplitResult, unquote, urlsplit

from scim_operator.cli.errors import ClusterError

_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
_HEAD_LIMIT = 65_536


def port_of(url: SplitResult) -> int:
    """Return the port of a URL, or the default port of its scheme."""
    return url.port or _PORTS[url.scheme]


def choose(url: SplitResult, named: str | None, environ: Mapping[str, str]) -> SplitResult | None:
    """Choose the proxy for a URL; None means a direct connection.

    Parameters
    ----------
    named
        The proxy of the kubeconfig, which overrides the environment.

    Raises
    ------
    ClusterError
        The proxy's URL has an unknown form.
    """
    if not named:
        variable = f"{url.scheme}_proxy"
        named = environ.get(variable.upper()) or environ.get(variable)
        no_proxy = environ.get("NO_PROXY") or environ.get("no_proxy") or ""
        if not named or _is_excepted(url, no_proxy):
            return None
        named = named if "://" in named else f"http://{named}"
    proxy = urlsplit(named)
    if proxy.scheme not in _PORTS or not proxy.hostname:
        raise ClusterError(
            f"the proxy for {url.netloc} must be a URL of the form http://HOST:PORT, https://... "
            "or socks5://...: correct proxy-url in the kubeconfig, or HTTPS_PROXY"
        )
    return proxy


def _is_excepted(url: SplitResult, no_proxy: str) -> bool:
    host = (url.hostname or "").rstrip(".")
    address = _parse_address(host)
    if host == "localhost" or (address and address.is_loopback):
        return True
    return any(
        _is_match(entry.strip().lower(), host, address, port_of(url))
        for entry in no_proxy.split(",")
        if entry.strip()
    )


def _is_match(
    entry: str, host: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address | None, port: int
) -> bool:
    if entry == "*":
        return True
    if "/" in entry:
        try:
            return address is not None and address in ipaddress.ip_network(entry, strict=False)
        except ValueError:
            return False
    if not _parse_address(entry.strip("[]")):
        name, colon, number = entry.rpartition(":")
        if colon and number.isdigit():
            if int(number) != port:
                return False
            entry = name
    entry = entry.strip("[]")
    if address:
        return _parse_address(entry) == address
    entry = entry.removeprefix("*")
    return host.endswith(entry) if entry.startswith(".") else _is_within(host, entry)


def _is_within(host: str, domain: str) -> bool:
    return host == domain or host.endswith(f".{domain}")


def _parse_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def connect(url: SplitResult, proxy: SplitResult | None, seconds: float) -> socket.socket:
    """Open a connection to the host of a URL.

    Raises
    ------
    OSError
        The host does not accept connections, or the proxy refuses.
    """
    assert url.hostname
    host, port = url.hostname, port_of(url)
    if proxy is None:
        return socket.create_connection((host, port), timeout=seconds)
    assert proxy.hostname
    connection = socket.create_connection((proxy.hostname, port_of(proxy)), timeout=seconds)
    try:
        if proxy.scheme.startswith("socks5"):
            _open_socks_tunnel(connection, proxy, host, port)
            return connection
        if proxy.scheme == "https":
            context = ssl.create_default_context()
            connection = context.wrap_socket(connection, server_hostname=proxy.hostname)
        _open_http_tunnel(connection, proxy, host, port)
    except OSError:
        connection.close()
        raise
    return connection


def _open_http_tunnel(connection: socket.socket, proxy: SplitResult, host: str, port: int) -> None:
    """Have an HTTP proxy connect to the host (RFC 9110, section 9.3.6)."""
    target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
    if proxy.username:
        login = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
        lines.append(f"Proxy-Authorization: Basic {base64.b64encode(login.encode()).decode()}")
    connection.sendall("\r\n".join([*lines, "", ""]).encode())
    head = b""
    # Byte by byte: the bytes behind the head are the host's.
    while not head.endswith(b"\r\n\r\n") and len(head) < _HEAD_LIMIT:
        byte = connection.recv(1)
        if not byte:
            break
        head += byte
    status = head.split(b"\r\n", 1)[0].decode(errors="replace")
    if status.split(" ")[1:2] != ["200"]:
        raise OSError(f"the proxy {proxy.hostname} does not connect to {target} ({status})")


def _open_socks_tunnel(connection: socket.socket, proxy: SplitResult, host: str, port: int) -> None:
    """Have a SOCKS proxy connect to the host (RFC 1928, and RFC 1929 for a password)."""
    error = OSError(f"the proxy {proxy.hostname} does not connect to {host}:{port}")
    connection.sendall(b"\x05\x02\x00\x02" if proxy.username else b"\x05\x01\x00")
    version, method = _receive_exactly(connection, 2)
    if version != 5 or method not in (0, 2):
        raise error
    if method == 2:
        name, password = (unquote(text or "").encode() for text in (proxy.username, proxy.password))
        connection.sendall(b"\x01" + _with_length(name) + _with_length(password))
        if _receive_exactly(connection, 2)[1] != 0:
            raise OSError(f"the proxy {proxy.hostname} does not accept its user's password")
    connection.sendall(
        b"\x05\x01\x00\x03" + _with_length(host.encode("idna")) + port.to_bytes(2, "big")
    )
    _, failure, _, kind = _receive_exactly(connection, 4)
    if failure:
        raise error
    length = {1: 4, 4: 16}.get(kind) or _receive_exactly(connection, 1)[0]
    _receive_exactly(connection, length + 2)


def _with_length(text: bytes) -> bytes:
    return len(text).to_bytes(1, "big") + text


def _receive_exactly(connection: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        part = connection.recv(count - len(found))
        if not part:
            raise OSError("the proxy has closed the connection")
        found += part
    return found
