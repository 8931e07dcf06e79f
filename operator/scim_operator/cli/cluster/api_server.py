"""HTTP and WebSockets to the API server, with the TLS, proxy and identity of the kubeconfig."""

from __future__ import annotations

import os
import socket
import ssl
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

import websocket

from scim_operator.cli.cluster import proxies
from scim_operator.cli.cluster.credentials import ClientCertificate, Credentials
from scim_operator.cli.cluster.kubeconfig import Access, Server
from scim_operator.cli.errors import ClusterError

TIMEOUT_SECONDS = 15.0
_IDLE_SECONDS = 20.0
_UNAUTHORIZED = 401


class CustomConnection(HTTPConnection):
    """HTTP over sockets that a given function opens."""

    def __init__(self, host: str, timeout: float, open_: Callable[[], socket.socket]) -> None:
        super().__init__(host, timeout=timeout)
        self._open = open_
        self._used = 0.0

    def putrequest(self, *arguments: Any, **options: Any) -> None:
        # A proxy may have dropped an idle connection.
        if time.monotonic() > self._used + _IDLE_SECONDS:
            self.close()
        super().putrequest(*arguments, **options)

    def getresponse(self) -> HTTPResponse:
        self._used = time.monotonic()
        return super().getresponse()

    def connect(self) -> None:
        self.sock = self._open()
        self.sock.settimeout(self.timeout)


@dataclass(frozen=True)
class ApiServer:
    """One API server, as one user."""

    access: Access
    credentials: Credentials = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "credentials", Credentials(self.access))
        if self.url.scheme not in ("http", "https") or not self.url.hostname:
            raise ClusterError(
                f"the kubeconfig's server {self.access.server.server} is no URL of the form "
                "https://HOST:PORT: correct it"
            )

    @cached_property
    def url(self) -> SplitResult:
        """Its URL, in parts."""
        return urlsplit(self.access.server.server)

    @cached_property
    def _connection(self) -> CustomConnection:
        return CustomConnection(self.url.netloc, TIMEOUT_SECONDS, self._open)

    def request(
        self, method: str, path: str, body: bytes | None = None, content_type: str | None = None
    ) -> tuple[int, bytes]:
        """Send a request; return the status and body of the response.

        Raises
        ------
        ClusterError
            The API server does not answer, or there is no credential for it.
        """
        try:
            status, response = self._send(method, path, body, content_type)
            if status == _UNAUTHORIZED and self.credentials.discard_cached():
                # A new client certificate needs a new connection.
                self._connection.close()
                status, response = self._send(method, path, body, content_type)
        except (OSError, HTTPException) as error:
            self._connection.close()
            raise self._unreachable_error(error) from error
        return status, response

    def close(self) -> None:
        """Close the connection; the next request opens a new one."""
        self._connection.close()

    def _send(
        self, method: str, path: str, body: bytes | None, content_type: str | None
    ) -> tuple[int, bytes]:
        headers = list(self.credentials.build_headers())
        connection = self._connection
        connection.putrequest(method, self.url.path.rstrip("/") + path)
        connection.putheader("Accept", "application/json")
        for name, value in headers:
            connection.putheader(name, value.encode())
        if body is not None and content_type:
            connection.putheader("Content-Type", content_type)
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        response = connection.getresponse()
        return response.status, response.read()

    def stream(self, path: str, protocol: str) -> websocket.WebSocket:
        """Open a WebSocket.

        Raises
        ------
        websocket.WebSocketBadStatusException
            The API server refuses.
        ClusterError
            The API server does not answer, or there is no credential for it.
        """
        scheme = "wss" if self.url.scheme == "https" else "ws"
        url = f"{scheme}://{self.url.netloc}{self.url.path.rstrip('/')}{path}"
        try:
            return websocket.create_connection(
                url,
                timeout=TIMEOUT_SECONDS,
                socket=self._open(),
                subprotocols=[protocol],
                header=[f"{name}: {value}" for name, value in self.credentials.build_headers()],
                redirect_limit=0,
            )
        except websocket.WebSocketBadStatusException:
            raise
        except (OSError, websocket.WebSocketException) as error:
            raise self._unreachable_error(error) from error

    def _open(self) -> socket.socket:
        server = self.access.server
        plain = proxies.connect(
            self.url, proxies.choose(self.url, server.proxy_url, os.environ), TIMEOUT_SECONDS
        )
        if self.url.scheme == "http":
            return plain
        try:
            context = _create_context(server, self.credentials.client_certificate)
            name = server.tls_server_name or self.url.hostname
            return context.wrap_socket(plain, server_hostname=name)
        except (OSError, ClusterError):
            plain.close()
            raise

    def _unreachable_error(self, error: Exception) -> ClusterError:
        return ClusterError(
            f"the API server {self.access.server.server} does not answer "
            f"({error or type(error).__name__}): check that kubectl get namespaces works, or "
            "choose another cluster with --context"
        )


def _create_context(server: Server, client_certificate: ClientCertificate | None) -> ssl.SSLContext:
    """Trust the kubeconfig's authorities; as in Go, every certificate there is an anchor."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    data, file = server.certificate_authority_data, server.certificate_authority
    if server.insecure_skip_tls_verify:
        if data or file:
            raise ClusterError(
                "the kubeconfig names a certificate authority and insecure-skip-tls-verify for "
                f"{server.server}: remove one of them"
            )
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif data:
        context.load_verify_locations(cadata=data.decode())
    elif file:
        context.load_verify_locations(cafile=file)
    else:
        context.load_default_certs()
    if client_certificate:
        _load_client_certificate(context, client_certificate)
    return context


def _load_client_certificate(
    context: ssl.SSLContext, client_certificate: ClientCertificate
) -> None:
    """Add a client certificate to a context; OpenSSL reads it from a file only."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pair.pem"
        file.write_bytes(client_certificate.certificate + b"\n" + client_certificate.key)
        context.load_cert_chain(file)
