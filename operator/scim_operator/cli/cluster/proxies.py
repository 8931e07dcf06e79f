"""The way to the API server: direct, or through a proxy that the kubeconfig or environment names.

The environment is read as Go programs do (HTTPS_PROXY, HTTP_PROXY, NO_PROXY with domains,
addresses and networks), so that the plugin takes kubectl's way.
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
_MOST_HEAD = 65_536


def port_of(url: SplitResult) -> int:
    """Return the port of a URL, its scheme's if it names none."""
    return url.port or _PORTS[url.scheme]


def choose(url: SplitResult, named: str | None, environ: Mapping[str, str]) -> SplitResult | None:
    """Choose the proxy for a URL; None: none.

    Parameters
    ----------
    named
        The proxy of the kubeconfig, before which the environment counts for nothing.

    Raises
    ------
    ClusterError
        The proxy is none that can be used.
    """
    if not named:
        variable = f"{url.scheme}_proxy"
        named = environ.get(variable.upper()) or environ.get(variable)
        no_proxy = environ.get("NO_PROXY") or environ.get("no_proxy") or ""
        if not named or _excepted(url, no_proxy):
            return None
        named = named if "://" in named else f"http://{named}"
    proxy = urlsplit(named)
    if proxy.scheme not in _PORTS or not proxy.hostname:
        raise ClusterError(
            f"the proxy for {url.netloc} must be a URL of the form http://HOST:PORT, https://... "
            "or socks5://...: correct proxy-url in the kubeconfig, or HTTPS_PROXY"
        )
    return proxy


def _excepted(url: SplitResult, no_proxy: str) -> bool:
    host = (url.hostname or "").rstrip(".")
    address = _address(host)
    if host == "localhost" or (address and address.is_loopback):
        return True
    return any(
        _matches(entry.strip().lower(), host, address, port_of(url))
        for entry in no_proxy.split(",")
        if entry.strip()
    )


def _matches(
    entry: str, host: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address | None, port: int
) -> bool:
    if entry == "*":
        return True
    if "/" in entry:
        try:
            return address is not None and address in ipaddress.ip_network(entry, strict=False)
        except ValueError:
            return False
    if not _address(entry.strip("[]")):
        name, colon, number = entry.rpartition(":")
        if colon and number.isdigit():
            if int(number) != port:
                return False
            entry = name
    entry = entry.strip("[]")
    if address:
        return _address(entry) == address
    entry = entry.removeprefix("*")
    return host.endswith(entry) if entry.startswith(".") else _is_within(host, entry)


def _is_within(host: str, domain: str) -> bool:
    return host == domain or host.endswith(f".{domain}")


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def connect(url: SplitResult, proxy: SplitResult | None, seconds: float) -> socket.socket:
    """Open a connection to the host of a URL.

    Raises
    ------
    OSError
        There is none, or the proxy refuses.
    """
    assert url.hostname
    host, port = url.hostname, port_of(url)
    if proxy is None:
        return socket.create_connection((host, port), timeout=seconds)
    assert proxy.hostname
    way = socket.create_connection((proxy.hostname, port_of(proxy)), timeout=seconds)
    try:
        if proxy.scheme.startswith("socks5"):
            _ask_socks(way, proxy, host, port)
            return way
        if proxy.scheme == "https":
            context = ssl.create_default_context()
            way = context.wrap_socket(way, server_hostname=proxy.hostname)
        _ask_http(way, proxy, host, port)
    except OSError:
        way.close()
        raise
    return way


def _ask_http(way: socket.socket, proxy: SplitResult, host: str, port: int) -> None:
    """Have an HTTP proxy lead on (RFC 9110, section 9.3.6)."""
    target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
    if proxy.username:
        login = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
        lines.append(f"Proxy-Authorization: Basic {base64.b64encode(login.encode()).decode()}")
    way.sendall("\r\n".join([*lines, "", ""]).encode())
    head = b""
    # Byte by byte: what follows is the host's.
    while not head.endswith(b"\r\n\r\n") and len(head) < _MOST_HEAD:
        byte = way.recv(1)
        if not byte:
            break
        head += byte
    status = head.split(b"\r\n", 1)[0].decode(errors="replace")
    if status.split(" ")[1:2] != ["200"]:
        raise OSError(f"the proxy {proxy.hostname} does not lead to {target} ({status})")


def _ask_socks(way: socket.socket, proxy: SplitResult, host: str, port: int) -> None:
    """Have a SOCKS proxy lead on (RFC 1928, and RFC 1929 for a password)."""
    refusal = OSError(f"the proxy {proxy.hostname} does not lead to {host}:{port}")
    way.sendall(b"\x05\x02\x00\x02" if proxy.username else b"\x05\x01\x00")
    version, method = _exactly(way, 2)
    if version != 5 or method not in (0, 2):
        raise refusal
    if method == 2:
        name, password = (unquote(text or "").encode() for text in (proxy.username, proxy.password))
        way.sendall(b"\x01" + _counted(name) + _counted(password))
        if _exactly(way, 2)[1] != 0:
            raise OSError(f"the proxy {proxy.hostname} does not accept its user's password")
    way.sendall(b"\x05\x01\x00\x03" + _counted(host.encode("idna")) + port.to_bytes(2, "big"))
    _, failure, _, kind = _exactly(way, 4)
    if failure:
        raise refusal
    length = {1: 4, 4: 16}.get(kind) or _exactly(way, 1)[0]
    _exactly(way, length + 2)


def _counted(text: bytes) -> bytes:
    return len(text).to_bytes(1, "big") + text


def _exactly(way: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        part = way.recv(count - len(found))
        if not part:
            raise OSError("the proxy has closed the connection")
        found += part
    return found
