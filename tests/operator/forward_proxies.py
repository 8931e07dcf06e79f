"""HTTP and SOCKS proxies on loopback, which record the hosts of their connections."""

from __future__ import annotations

import base64
import select
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class _Handler(socketserver.BaseRequestHandler):
    """Connects one client to its host."""

    password: str | None
    hosts: list[str]

    def connect(self, host: str, port: int, welcome: bytes) -> None:
        """Copy bytes in both directions until one side ends."""
        self.hosts.append(f"{host}:{port}")
        with socket.create_connection((host, port)) as far:
            self.request.sendall(welcome)
            ends = {self.request: far, far: self.request}
            while True:
                for end in select.select(list(ends), [], [])[0]:
                    piece = end.recv(65_536)
                    if not piece:
                        return
                    ends[end].sendall(piece)


class _Http(_Handler):
    def handle(self) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self.request.recv(1)
        if self.password:
            login = base64.b64encode(f"ada:{self.password}".encode())
            if b"Proxy-Authorization: Basic " + login not in head:
                self.request.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
                return
        host, _, port = head.split(b" ")[1].decode().rpartition(":")
        self.connect(host, int(port), b"HTTP/1.1 200 Connection established\r\n\r\n")


class _Socks(_Handler):
    def handle(self) -> None:
        count = self.request.recv(2)[1]
        self.request.recv(count)
        self.request.sendall(b"\x05\x02" if self.password else b"\x05\x00")
        if self.password:
            _, length = self.request.recv(2)
            name = self.request.recv(length)
            given = self.request.recv(self.request.recv(1)[0])
            accepted = (name, given) == (b"ada", self.password.encode())
            self.request.sendall(b"\x01\x00" if accepted else b"\x01\x01")
        kind = self.request.recv(4)[3]
        if kind == 1:
            host = socket.inet_ntoa(self.request.recv(4))
        else:
            host = self.request.recv(self.request.recv(1)[0]).decode()
        port = int.from_bytes(self.request.recv(2), "big")
        self.connect(host, port, b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")


@contextmanager
def _serve(kind: type[_Handler], password: str | None) -> Iterator[tuple[int, list[str]]]:
    hosts: list[str] = []
    handler = type("Handler", (kind,), {"password": password, "hosts": hosts})
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        server.block_on_close = False
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1], hosts
        server.shutdown()


@contextmanager
def http_proxy(password: str | None) -> Iterator[tuple[int, list[str]]]:
    """Run a proxy with the method CONNECT; yield its port and the hosts of its connections."""
    with _serve(_Http, password) as found:
        yield found


@contextmanager
def socks_proxy(password: str | None) -> Iterator[tuple[int, list[str]]]:
    """Run a SOCKS 5 proxy; yield its port and the hosts of its connections."""
    with _serve(_Socks, password) as found:
        yield found
