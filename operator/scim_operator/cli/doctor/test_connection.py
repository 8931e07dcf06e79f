"""Does what Entra's Test Connection does, and explains each response.

Entra queries a user and a group that cannot exist, and expects 200 with an empty ListResponse
("Develop and plan provisioning for a SCIM endpoint in Microsoft Entra ID").
"""

from __future__ import annotations

import socket
import ssl
import uuid

from scim_operator.api.tenant import Tenant
from scim_operator.cli.cluster.client import Cluster
from scim_operator.cli.cluster.tenant_client import (
    Response,
    TenantClient,
    connect_directly,
    connect_to_pod,
)
from scim_operator.cli.doctor.certificate_remedies import find_remedy
from scim_operator.cli.doctor.check import By, Check, ok, problem, unknown, warning
from scim_operator.cli.doctor.facts import CONNECTION, GROUP_QUERY, USER_QUERY
from scim_operator.cli.errors import ClusterError

_LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
_SLOW_SECONDS = 10.0


def test_connection(cluster: Cluster, tenant: Tenant, token: str) -> list[Check]:
    """Do what Test Connection does.

    If the Tenant URL cannot be reached from here, ask a pod through the API server: that shows
    whether the service or the way to it fails.
    """
    found = ok(CONNECTION, f"{tenant.status.tenant_url} accepts connections")
    try:
        client = connect_directly(tenant, token)
    except (OSError, ClusterError) as error:
        found = explain_no_connection(tenant, error)
        try:
            client = connect_to_pod(cluster, tenant, token)
        except ClusterError as second:
            return [found, *_skip_queries(second.message)]
    return [found, *send_queries(client)]


def probe_without_token(tenant: Tenant, why: str) -> list[Check]:
    """Check that a SCIM server answers at the Tenant URL, when the user may not read the token."""
    try:
        client = connect_directly(tenant, None)
    except (OSError, ClusterError) as error:
        return [explain_no_connection(tenant, error), *_skip_queries(why)]
    try:
        response = client.get("/Users")
    except ClusterError as error:
        return [unknown(CONNECTION, error.message), *_skip_queries(why)]
    finally:
        client.connection.close()
    if response.is_scim:
        url = tenant.status.tenant_url
        found = ok(CONNECTION, f"a SCIM server answers at {url}; no token was sent")
    else:
        found = explain(CONNECTION, response, client.route)
    return [found, *_skip_queries(why)]


def _skip_queries(why: str) -> list[Check]:
    return [unknown(name, why) for name in (USER_QUERY, GROUP_QUERY)]


def send_queries(client: TenantClient) -> list[Check]:
    """Send the two queries."""
    unknown_name = uuid.uuid4()
    checks = []
    for name, path, query in (
        (USER_QUERY, "/Users", {"filter": f'userName eq "{unknown_name}"'}),
        (
            GROUP_QUERY,
            "/Groups",
            {"excludedAttributes": "members", "filter": f'displayName eq "{unknown_name}"'},
        ),
    ):
        try:
            checks.append(explain(name, client.get(path, **query), client.route))
        except ClusterError as error:
            checks.append(
                problem(
                    name,
                    error.message,
                    "check the pod's log (kubectl logs) and the proxies and firewalls before it; "
                    "Entra gives up after 60 s and retries in the next cycle",
                    By.SRE,
                )
            )
    return checks


def explain_no_connection(tenant: Tenant, error: Exception) -> Check:
    """Explain why there is no connection to the Tenant URL."""
    url = tenant.status.tenant_url or ""
    if url.startswith("http:"):
        return warning(
            CONNECTION,
            f"{url} is reachable inside the cluster only",
            "set spec.exposure (a host, and an ingress or gateway) to let Entra reach it",
            By.SRE,
        )
    if isinstance(error, ClusterError):
        return problem(
            CONNECTION, error.message, "see the condition Exposed (kubectl scim status)", By.SRE
        )
    host = url.split("/")[2]
    if isinstance(error, socket.gaierror):
        return problem(
            CONNECTION,
            f"the name {host} cannot be resolved",
            "create a public DNS record of it for the ingress or gateway",
            By.SRE,
        )
    if isinstance(error, ssl.SSLCertVerificationError):
        return problem(
            CONNECTION,
            f"the certificate of {host} is refused: {error.verify_message}",
            find_remedy(host, error.verify_code),
            By.SRE,
        )
    if isinstance(error, ssl.SSLError):
        return problem(
            CONNECTION,
            f"{host} does not agree on TLS: {error}",
            "let the ingress or gateway terminate TLS 1.2 on port 443 of this host",
            By.SRE,
        )
    return problem(
        CONNECTION,
        f"{host} does not accept connections on port 443: {error}",
        "check that the ingress or gateway listens there and that firewalls let Entra through "
        "(service tag AzureActiveDirectory); if they block only you, test from another network",
        By.SRE,
    )


def explain(name: str, response: Response, route: str) -> Check:
    """Explain how Entra takes the response to a query without a match."""
    if response.status == 200 and response.is_scim:
        return _explain_list(name, response, route)
    found = f"answered {response.status} {route}"
    if not response.is_scim:
        return _explain_foreign_response(name, response, found)
    detail = response.document.get("detail", "")
    if response.status == 401:
        return problem(
            name,
            f"{found}: the service does not accept the token",
            "see the condition TokenReady (kubectl scim status); the service loads a new token "
            "within a minute or two. Entra treats this as a wrong token, and puts the job into "
            "quarantine",
            By.SRE,
        )
    if response.status == 429:
        return unknown(name, f"{found}: too many requests at the moment; try again later")
    return problem(
        name,
        f"{found}: {detail}",
        "see the pod's log (kubectl logs); Entra retries in the next cycle, and puts the job into "
        "quarantine after many failures",
        By.SRE,
    )


def _explain_list(name: str, response: Response, route: str) -> Check:
    document = response.document
    if _LIST not in document.get("schemas", []) or document.get("totalResults") != 0:
        return problem(
            name,
            f"answered 200 {route}, but not with an empty ListResponse",
            "find out which server answers at this path: it is not this tenant's service",
            By.SRE,
        )
    if response.seconds > _SLOW_SECONDS:
        return warning(
            name,
            f"200 with an empty list {route}, but after {response.seconds:.0f} s",
            "find out why it is slow (kubectl top pod, the database): Entra gives up after 60 s",
            By.SRE,
        )
    return ok(name, f"200 with an empty list {route}, as Entra expects")


def _explain_foreign_response(name: str, response: Response, found: str) -> Check:
    """Explain a response of another server than the tenant's service."""
    found += f" by a server in front of the service ({response.content_type})"
    if response.status in (301, 302, 303, 307, 308):
        remedy = f"it redirects to {response.location}: let it forward requests to the tenant"
    elif response.status in (401, 403):
        remedy = (
            "let it forward requests to this path without a login, and without a rule of a web "
            "application firewall against requests without User-Agent, because Entra sends none"
        )
    elif response.status == 404:
        remedy = (
            "there is no route from this host and path to the tenant: see the condition Exposed, "
            "and check that the ingress or gateway controller serves the tenant's route. Entra "
            "puts the job into quarantine because of it"
        )
    elif response.status in (502, 503, 504):
        remedy = (
            "it does not reach the tenant's pods: see the condition Available (kubectl scim status)"
        )
    else:
        remedy = "find out which proxy, ingress or gateway answers at the Tenant URL, and why"
    return problem(name, found, remedy, By.SRE)
