"""Connections to a tenant: by its Tenant URL as Entra's, or through the API server to its pod.

As Entra, the plugin sends no User-Agent and trusts public authorities only, not those that
somebody has added to this machine. The service tells it from Entra by the header Scim-Probe
(``docs/contract.md``), so that it hides no silence and retires no token.
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
from scim_operator.cli.cluster.cluster import Cluster
from scim_operator.cli.cluster.server import Over
from scim_operator.cli.errors import ClusterError
from scim_operator.kube.kinds import Object

CONNECT_TIMEOUT_S = 5.0
ANSWER_TIMEOUT_S = 60.0
"""As long as Entra waits for an answer."""

PAGE = 100
_SCIM = "application/scim+json"


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer.

    Attributes
    ----------
    content_type
        Without parameters.
    location
        Where a redirect leads to.
    """

    status: int
    content_type: str
    body: bytes
    seconds: float = 0.0
    location: str = ""

    @property
    def is_scim(self) -> bool:
        """Whether a SCIM server has answered, and not something on the way to it."""
        return self.content_type == _SCIM and isinstance(self.document, dict)

    @property
    def document(self) -> Any:
        """The body as JSON; None if it is something else."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class Channel:
    """A connection to one of a tenant's ports.

    Attributes
    ----------
    base
        Path that all paths are under.
    route
        Which way it takes, in words.
    """

    connection: HTTPConnection
    base: str
    route: str
    token: str | None = None

    def get(self, path: str, **query: str | int) -> Answer:
        """Ask for something.

        Raises
        ------
        ClusterError
            There was no answer.
        """
        headers = {"Accept": _SCIM, "Scim-Probe": "kubectl-scim"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        target = f"{self.base}{path}" + (f"?{urlencode(query)}" if query else "")
        begin = time.monotonic()
        try:
            self.connection.request("GET", target, headers=headers)
            response = self.connection.getresponse()
            body = response.read()
        except (OSError, HTTPException) as error:
            self.connection.close()
            raise ClusterError(
                f"no answer to GET {self.base}{path} {self.route}: {error or type(error).__name__}"
            ) from error
        return Answer(
            response.status,
            response.headers.get_content_type(),
            body,
            time.monotonic() - begin,
            response.headers.get("Location", ""),
        )

    def fetch(self, path: str, **query: str | int) -> Answer:
        """Ask for a JSON document.

        Raises
        ------
        ClusterError
            There was no answer, or another one than 200.
        """
        answer = self.get(path, **query)
        if answer.status == 200 and answer.document is not None:
            return answer
        detail = answer.document.get("detail") if isinstance(answer.document, dict) else None
        detail = detail or answer.body[:200].decode(errors="replace").strip()
        raise ClusterError(
            f"GET {self.base}{path} was answered {answer.status} {self.route}: "
            f"{detail or 'no reason is given'}"
        )

    def resources(self, path: str, *, limit: int, **query: str) -> Iterator[Object]:
        """List resources page by page, at most `limit` of them (0: all)."""
        start = 1
        while True:
            count = min(PAGE, limit - start + 1) if limit else PAGE
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


def trusting(roots: str | None = None) -> ssl.SSLContext:
    """Return a context that trusts public authorities, or those in a file.

    Level 2 asks for RSA keys of 2048 and elliptic ones of 224 bits, as Entra does.
    """
    context = ssl.create_default_context(cafile=roots or certifi.where())
    context.set_ciphers("DEFAULT:@SECLEVEL=2")
    return context


def direct(tenant: Tenant, token: str | None) -> Channel:
    """Connect by the Tenant URL.

    Raises
    ------
    OSError
        There is no connection: no such host, nobody listens, no valid certificate.
    ClusterError
        The tenant has no Tenant URL, or one without https: whoever answers to the name of a
        Service out here is not the tenant, and would get the token.
    """
    if tenant.status.tenant_url is None:
        raise ClusterError(f"the tenant {tenant.key} has no Tenant URL yet")
    url = urlsplit(tenant.status.tenant_url)
    if url.scheme != "https":
        raise ClusterError(f"{tenant.status.tenant_url} is reached from inside of the cluster only")
    assert url.hostname
    connection = HTTPSConnection(
        url.hostname, url.port, timeout=CONNECT_TIMEOUT_S, context=trusting()
    )
    connection.connect()
    connection.sock.settimeout(ANSWER_TIMEOUT_S)
    return Channel(connection, url.path, "at the Tenant URL", token)


def forwarded(cluster: Cluster, tenant: Tenant, token: str | None) -> Channel:
    """Connect to the SCIM port of a pod.

    Raises
    ------
    ClusterError
        No pod is ready.
    """
    url = urlsplit(tenant.status.tenant_url or "")
    connection = _through(cluster, tenant, names.SCIM_PORT, url.netloc)
    return Channel(connection, url.path, "through the API server", token)


def management(cluster: Cluster, tenant: Tenant) -> Channel:
    """Connect to the management port of a pod, which is never exposed.

    Raises
    ------
    ClusterError
        No pod is ready.
    """
    connection = _through(cluster, tenant, names.MANAGEMENT_PORT)
    return Channel(connection, "", "through the API server", cluster.access(tenant.key))


def _through(cluster: Cluster, tenant: Tenant, port: int, host: str = "") -> Over:
    pod = cluster.ready_pod(tenant)
    return Over(host or "localhost", ANSWER_TIMEOUT_S, lambda: cluster.forward(pod, port))


def reach(cluster: Cluster, tenant: Tenant, token: str) -> Channel:
    """Connect by the Tenant URL where SCIM is answered there, else to a pod.

    What answers there is looked at without the token.

    Raises
    ------
    ClusterError
        Neither is possible.
    """
    try:
        channel = direct(tenant, None)
        if channel.get("/ServiceProviderConfig").is_scim:
            return replace(channel, token=token)
        channel.connection.close()
    except (OSError, ClusterError):
        pass
    return forwarded(cluster, tenant, token)
