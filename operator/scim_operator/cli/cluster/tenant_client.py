"""Requests to a tenant's service, at its Tenant URL or through the API server to its pod.

Like Entra, the plugin sends no User-Agent and trusts public authorities only, not those that an
administrator has added to this machine. The header Scim-Probe (``docs/contract.md``) marks its
requests, so that the service does not take them for Entra's: they end no silence and retire no
token.
"""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlencode, urlsplit

import certifi

from scim_operator.api import names
from scim_operator.api.tenant import Tenant
from scim_operator.cli.cluster.api_server import CustomConnection
from scim_operator.cli.cluster.client import Cluster
from scim_operator.cli.cluster.pods import find_ready_pod, open_port
from scim_operator.cli.cluster.tenant_secrets import read_management_credential
from scim_operator.cli.errors import ClusterError
from scim_operator.kube.kinds import Object

CONNECT_TIMEOUT_SECONDS = 5.0
RESPONSE_TIMEOUT_SECONDS = 60.0
"""Entra waits as long for a response."""

PAGE_SIZE = 100
_SCIM = "application/scim+json"


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response.

    Attributes
    ----------
    content_type
        Without parameters.
    location
        The target of a redirect.
    """

    status: int
    content_type: str
    body: bytes
    seconds: float = 0.0
    location: str = ""

    @property
    def is_scim(self) -> bool:
        """Whether a SCIM server has answered, and not a proxy or gateway before it."""
        return self.content_type == _SCIM and isinstance(self.document, dict)

    @property
    def document(self) -> Any:
        """The body as JSON; None if it is no JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class TenantClient:
    """Sends requests to one of a tenant's ports.

    Attributes
    ----------
    base
        The path before all paths of requests.
    route
        How the connection reaches the tenant, in words for messages.
    """

    connection: HTTPConnection
    base: str
    route: str
    token: str | None = None

    def get(self, path: str, **query: str | int) -> Response:
        """Send a GET request.

        Raises
        ------
        ClusterError
            The tenant does not answer.
        """
        headers = {"Accept": _SCIM, "Scim-Probe": "kubectl-scim"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        target = f"{self.base}{path}" + (f"?{urlencode(query)}" if query else "")
        started = time.monotonic()
        try:
            self.connection.request("GET", target, headers=headers)
            response = self.connection.getresponse()
            body = response.read()
        except (OSError, HTTPException) as error:
            self.connection.close()
            raise ClusterError(
                f"no response to GET {self.base}{path} {self.route}: "
                f"{error or type(error).__name__}"
            ) from error
        return Response(
            response.status,
            response.headers.get_content_type(),
            body,
            time.monotonic() - started,
            response.headers.get("Location", ""),
        )

    def fetch(self, path: str, **query: str | int) -> Response:
        """Read a JSON document.

        Raises
        ------
        ClusterError
            The tenant does not answer, or its status is not 200.
        """
        response = self.get(path, **query)
        if response.status == 200 and response.document is not None:
            return response
        detail = response.document.get("detail") if isinstance(response.document, dict) else None
        detail = detail or response.body[:200].decode(errors="replace").strip()
        raise ClusterError(
            f"GET {self.base}{path} was answered with {response.status} {self.route}: "
            f"{detail or 'no reason given'}"
        )

    def list_resources(self, path: str, *, limit: int, **query: str) -> Iterator[Object]:
        """List resources page by page; at most `limit`, or all of them if `limit` is 0."""
        start = 1
        while True:
            count = min(PAGE_SIZE, limit - start + 1) if limit else PAGE_SIZE
            page = self.fetch(path, startIndex=start, count=count, **query).document
            found = page.get("Resources", [])
            yield from found
            start += len(found)
            if not found or start > page["totalResults"] or (limit and start > limit):
                return

    def count(self, path: str, **query: str) -> int:
        """Count the resources that a query finds."""
        total: int = self.fetch(path, count=0, **query).document["totalResults"]
        return total


def create_trusting_context(roots: str | None = None) -> ssl.SSLContext:
    """Return a TLS context that trusts public authorities, or those in the file `roots`.

    Level 2 requires RSA keys of 2048 bits or elliptic keys of 224 bits, as Entra does.
    """
    context = ssl.create_default_context(cafile=roots or certifi.where())
    context.set_ciphers("DEFAULT:@SECLEVEL=2")
    return context


def connect_directly(tenant: Tenant, token: str | None) -> TenantClient:
    """Connect to the Tenant URL.

    Raises
    ------
    OSError
        There is no connection: the host is unknown, its port is closed, or its certificate is
        not valid.
    ClusterError
        The tenant has no Tenant URL, or one without https. Outside of the cluster the name of a
        Service may lead to another host, which would get the token.
    """
    if tenant.status.tenant_url is None:
        raise ClusterError(f"the tenant {tenant.key} has no Tenant URL yet")
    url = urlsplit(tenant.status.tenant_url)
    if url.scheme != "https":
        raise ClusterError(f"{tenant.status.tenant_url} is reachable inside the cluster only")
    assert url.hostname
    connection = HTTPSConnection(
        url.hostname, url.port, timeout=CONNECT_TIMEOUT_SECONDS, context=create_trusting_context()
    )
    connection.connect()
    connection.sock.settimeout(RESPONSE_TIMEOUT_SECONDS)
    return TenantClient(connection, url.path, "at the Tenant URL", token)


def connect_to_pod(cluster: Cluster, tenant: Tenant, token: str | None) -> TenantClient:
    """Connect to the SCIM port of a pod.

    Raises
    ------
    ClusterError
        No pod is ready.
    """
    url = urlsplit(tenant.status.tenant_url or "")
    connection = _forward(cluster, tenant, names.SCIM_PORT, url.netloc)
    return TenantClient(connection, url.path, "through the API server", token)


def connect_to_management(cluster: Cluster, tenant: Tenant) -> TenantClient:
    """Connect to the management port of a pod, which is never exposed.

    Raises
    ------
    ClusterError
        No pod is ready.
    """
    connection = _forward(cluster, tenant, names.MANAGEMENT_PORT)
    return TenantClient(
        connection, "", "through the API server", read_management_credential(cluster, tenant.key)
    )


def _forward(cluster: Cluster, tenant: Tenant, port: int, host: str = "") -> CustomConnection:
    pod = find_ready_pod(cluster, tenant)
    return CustomConnection(
        host or "localhost", RESPONSE_TIMEOUT_SECONDS, lambda: open_port(cluster, pod, port)
    )


def connect(cluster: Cluster, tenant: Tenant, token: str) -> TenantClient:
    """Connect to the Tenant URL if a SCIM server answers there, and to a pod otherwise.

    The check of the Tenant URL sends no token.

    Raises
    ------
    ClusterError
        Neither is possible.
    """
    try:
        client = connect_directly(tenant, None)
        if client.get("/ServiceProviderConfig").is_scim:
            return replace(client, token=token)
        client.connection.close()
    except (OSError, ClusterError):
        pass
    return connect_to_pod(cluster, tenant, token)
