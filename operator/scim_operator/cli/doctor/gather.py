"""Gathers what the doctor looks at."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar
from urllib.parse import urlsplit

from scim_operator.api.service_status import ServiceStatus, UnreadableError, read
from scim_operator.api.tenant import Tenant
from scim_operator.cli.cluster.channel import management, reach
from scim_operator.cli.cluster.cluster import Cluster
from scim_operator.cli.doctor import test_connection
from scim_operator.cli.doctor.facts import Contents, Facts, Handshakes, Unknown
from scim_operator.cli.doctor.handshakes import look
from scim_operator.cli.errors import ClusterError

T = TypeVar("T")


def gather(cluster: Cluster, tenant: Tenant, user: str | None) -> Facts:
    """Look at everything; what cannot be had is told in its place."""
    token = _attempt(lambda: cluster.token(tenant))

    def with_token(ask: Callable[[str], T]) -> T | Unknown:
        return token if isinstance(token, Unknown) else _attempt(lambda: ask(token))

    return Facts(
        tenant=tenant,
        now=datetime.now(UTC),
        pods=_attempt(lambda: cluster.pods(tenant.key)),
        token_id=with_token(lambda known: cluster.token_id(tenant.key, known)),
        report=_attempt(lambda: _report(cluster, tenant)),
        connection=test_connection.look_without_token(tenant, token)
        if isinstance(token, Unknown)
        else test_connection.test_connection(cluster, tenant, token),
        handshakes=_attempt(lambda: _handshakes(tenant)),
        contents=with_token(lambda known: _contents(cluster, tenant, known, user)),
        unattended=cluster.unattended([tenant]).get(tenant.key),
        user=user,
    )


def _attempt(look_up: Callable[[], T]) -> T | Unknown:
    try:
        return look_up()
    except ClusterError as error:
        return Unknown(error.message)


def _report(cluster: Cluster, tenant: Tenant) -> ServiceStatus:
    answer = management(cluster, tenant).fetch("/-/status")
    try:
        return read(answer.body)
    except UnreadableError as error:
        raise ClusterError(error.problem.message) from error


def _handshakes(tenant: Tenant) -> Handshakes | None:
    url = urlsplit(tenant.status.tenant_url or "")
    if url.scheme != "https":
        return None
    assert url.hostname
    try:
        return look(url.hostname, url.port or 443)
    except OSError as error:
        raise ClusterError(f"{url.hostname} is not reached from here: {error}") from error


def _contents(cluster: Cluster, tenant: Tenant, token: str, user: str | None) -> Contents:
    channel = reach(cluster, tenant, token)
    without_mail = channel.count("/Users", filter="not (active eq false) and not (emails.value pr)")
    if user is None:
        return Contents(without_mail)
    name = json.dumps(user, ensure_ascii=False)
    wanted = f"userName eq {name} or emails.value eq {name}"
    return Contents(without_mail, next(channel.resources("/Users", limit=1, filter=wanted), None))
