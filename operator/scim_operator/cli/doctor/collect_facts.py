"""Collects the facts that the doctor's checks judge, from the cluster and the tenant."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar
from urllib.parse import urlsplit

from scim_operator.api.service_status import (
    ServiceStatus,
    UnreadableStatusError,
    parse_service_status,
)
from scim_operator.api.tenant import Tenant
from scim_operator.cli.cluster.client import Cluster
from scim_operator.cli.cluster.pods import list_pods
from scim_operator.cli.cluster.tenant_client import connect, connect_to_management
from scim_operator.cli.cluster.tenant_secrets import find_token_id, read_token
from scim_operator.cli.cluster.tenants import find_unattended
from scim_operator.cli.doctor.facts import Contents, Facts, Handshakes, Unknown
from scim_operator.cli.doctor.test_connection import probe_without_token, test_connection
from scim_operator.cli.doctor.tls_handshakes import shake_hands
from scim_operator.cli.errors import ClusterError

T = TypeVar("T")


def collect_facts(cluster: Cluster, tenant: Tenant, user: str | None) -> Facts:
    """Collect every fact; a fact that cannot be had becomes `Unknown` with the reason."""
    token = _attempt(lambda: read_token(cluster, tenant))

    def with_token(look_up: Callable[[str], T]) -> T | Unknown:
        return token if isinstance(token, Unknown) else _attempt(lambda: look_up(token))

    return Facts(
        tenant=tenant,
        now=datetime.now(UTC),
        pods=_attempt(lambda: list_pods(cluster, tenant.key)),
        token_id=with_token(lambda known: find_token_id(cluster, tenant.key, known)),
        service_status=_attempt(lambda: _read_service_status(cluster, tenant)),
        connection=probe_without_token(tenant, token)
        if isinstance(token, Unknown)
        else test_connection(cluster, tenant, token),
        handshakes=_attempt(lambda: _shake_hands(tenant)),
        contents=with_token(lambda known: _read_contents(cluster, tenant, known, user)),
        unattended=find_unattended(cluster, [tenant]).get(tenant.key),
        user=user,
    )


def _attempt(look_up: Callable[[], T]) -> T | Unknown:
    try:
        return look_up()
    except ClusterError as error:
        return Unknown(error.message)


def _read_service_status(cluster: Cluster, tenant: Tenant) -> ServiceStatus:
    response = connect_to_management(cluster, tenant).fetch("/-/status")
    try:
        return parse_service_status(response.body)
    except UnreadableStatusError as error:
        raise ClusterError(error.problem.message) from error


def _shake_hands(tenant: Tenant) -> Handshakes | None:
    url = urlsplit(tenant.status.tenant_url or "")
    if url.scheme != "https":
        return None
    assert url.hostname
    try:
        return shake_hands(url.hostname, url.port or 443)
    except OSError as error:
        raise ClusterError(f"{url.hostname} cannot be reached from here: {error}") from error


def _read_contents(cluster: Cluster, tenant: Tenant, token: str, user: str | None) -> Contents:
    client = connect(cluster, tenant, token)
    without_mail = client.count("/Users", filter="not (active eq false) and not (emails.value pr)")
    if user is None:
        return Contents(without_mail)
    name = json.dumps(user, ensure_ascii=False)
    query = f"userName eq {name} or emails.value eq {name}"
    found = client.list_resources("/Users", limit=1, filter=query)
    return Contents(without_mail, next(found, None))
