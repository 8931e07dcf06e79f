"""Entra's Test Connection, done from here and explained.

Entra asks for a user, and for a group, that cannot exist, and expects 200 with an empty
ListResponse ("Develop and plan provisioning for a SCIM endpoint in Microsoft Entra ID").
"""

from __future__ import annotations

import socket
import ssl
import uuid

from scim_operator.api.tenant import Tenant
from scim_operator.cli.cluster.channel import Answer, Channel, direct, forwarded
from scim_operator.cli.cluster.cluster import Cluster
from scim_operator.cli.doctor import distrust
from scim_operator.cli.doctor.checks import By, Check, ok, problem, unknown, warning
from scim_operator.cli.doctor.facts import CONNECTION, GROUP_QUERY, USER_QUERY
from scim_operator.cli.errors import ClusterError

_LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
_SLOW_S = 10.0


def test_connection(cluster: Cluster, tenant: Tenant, token: str) -> list[Check]:
    """Do what Test Connection does.

    Where the Tenant URL cannot be reached from here, the pod is asked through the API server, so
    that it is known on which side the trouble is.
    """
    found = ok(CONNECTION, f"{tenant.status.tenant_url} takes connections")
    try:
        channel = direct(tenant, token)
    except (OSError, ClusterError) as error:
        found = no_connection(tenant, error)
        try:
            channel = forwarded(cluster, tenant, token)
        except ClusterError as refusal:
            return [found, *_unasked(refusal.message)]
    return [found, *ask(channel)]


def look_without_token(tenant: Tenant, why: str) -> list[Check]:
    """Find out whether SCIM answers at the Tenant URL, for one who may not read the token."""
    try:
        channel = direct(tenant, None)
    except (OSError, ClusterError) as error:
        return [no_connection(tenant, error), *_unasked(why)]
    try:
        answer = channel.get("/Users")
    except ClusterError as error:
        return [unknown(CONNECTION, error.message), *_unasked(why)]
    finally:
        channel.connection.close()
    if answer.is_scim:
        found = ok(CONNECTION, f"SCIM answers at {tenant.status.tenant_url}; no token was sent")
    else:
        found = explain(CONNECTION, answer, channel.route)
    return [found, *_unasked(why)]


def _unasked(why: str) -> list[Check]:
    return [unknown(name, why) for name in (USER_QUERY, GROUP_QUERY)]


def ask(channel: Channel) -> list[Check]:
    """Send the two requests."""
    stranger = uuid.uuid4()
    checks = []
    for name, path, query in (
        (USER_QUERY, "/Users", {"filter": f'userName eq "{stranger}"'}),
        (
            GROUP_QUERY,
            "/Groups",
            {"excludedAttributes": "members", "filter": f'displayName eq "{stranger}"'},
        ),
    ):
        try:
            checks.append(explain(name, channel.get(path, **query), channel.route))
        except ClusterError as error:
            checks.append(
                problem(
                    name,
                    error.message,
                    "see the pod's log (kubectl logs) and what is between it and you; Entra "
                    "gives up after 60 s and tries again in the next cycle",
                    By.SRE,
                )
            )
    return checks


def no_connection(tenant: Tenant, error: Exception) -> Check:
    """Explain why the Tenant URL takes no connection. Pure."""
    url = tenant.status.tenant_url or ""
    if url.startswith("http:"):
        return warning(
            CONNECTION,
            f"{url} is reached from inside of the cluster only",
            "for Entra, set spec.exposure: a host, and an ingress or gateway",
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
            "create a public DNS record for it that leads to the ingress or gateway",
            By.SRE,
        )
    if isinstance(error, ssl.SSLCertVerificationError):
        return problem(
            CONNECTION,
            f"the certificate of {host} is refused: {error.verify_message}",
            distrust.remedy(host, error.verify_code),
            By.SRE,
        )
    if isinstance(error, ssl.SSLError):
        return problem(
            CONNECTION,
            f"{host} does not agree on TLS: {error}",
            "have the ingress or gateway terminate TLS 1.2 on port 443 of this host",
            By.SRE,
        )
    return problem(
        CONNECTION,
        f"{host} takes no connection on port 443: {error}",
        "see that the ingress or gateway listens there and that firewalls let Entra through "
        "(service tag AzureActiveDirectory); if only you are kept out, ask from elsewhere",
        By.SRE,
    )


def explain(name: str, answer: Answer, route: str) -> Check:
    """Say what Entra makes of an answer to a query that finds nothing. Pure."""
    if answer.status == 200 and answer.is_scim:
        return _explain_list(name, answer, route)
    found = f"answered {answer.status} {route}"
    if not answer.is_scim:
        return _explain_stranger(name, answer, found)
    detail = answer.document.get("detail", "")
    if answer.status == 401:
        return problem(
            name,
            f"{found}: the token is not accepted",
            "see the condition TokenReady (kubectl scim status); a new token is loaded within a "
            "minute or two. For Entra this is the same as a wrong token, which puts the job into "
            "quarantine",
            By.SRE,
        )
    if answer.status == 429:
        return unknown(name, f"{found}: too many requests at present; try again")
    return problem(
        name,
        f"{found}: {detail}",
        "see the pod's log (kubectl logs); Entra tries again in the next cycle, and many failures "
        "put the job into quarantine",
        By.SRE,
    )


def _explain_list(name: str, answer: Answer, route: str) -> Check:
    document = answer.document
    if _LIST not in document.get("schemas", []) or document.get("totalResults") != 0:
        return problem(
            name,
            f"answered 200 {route}, but not with an empty ListResponse",
            "see what answers at this path: it is not this tenant's service",
            By.SRE,
        )
    if answer.seconds > _SLOW_S:
        return warning(
            name,
            f"200 with an empty list {route}, but after {answer.seconds:.0f} s",
            "see what makes it slow (kubectl top pod, the database): Entra gives up after 60 s",
            By.SRE,
        )
    return ok(name, f"200 with an empty list {route}, as Entra expects")


def _explain_stranger(name: str, answer: Answer, found: str) -> Check:
    """Explain an answer that did not come from the service."""
    found += f" by something on the way to the service ({answer.content_type})"
    if answer.status in (301, 302, 303, 307, 308):
        what = f"it redirects to {answer.location}; have it pass requests on to the tenant instead"
    elif answer.status in (401, 403):
        what = (
            "have it let requests to this path pass: no login, and no rule of a web application "
            "firewall against requests without User-Agent, because Entra sends none"
        )
    elif answer.status == 404:
        what = (
            "no route leads from this host and path to the tenant: see the condition Exposed, and "
            "whether the ingress or gateway controller has taken up the tenant's route. Entra puts "
            "the job into quarantine for it"
        )
    elif answer.status in (502, 503, 504):
        what = (
            "it does not reach the tenant's pods: see the condition Available (kubectl scim status)"
        )
    else:
        what = "see which proxy, ingress or gateway answers at the Tenant URL, and why"
    return problem(name, found, what, By.SRE)
