"""Paths of objects and lists in the API."""

from __future__ import annotations

import pytest
from scim_operator.kube.kinds import DEPLOYMENT, NAMESPACE, SERVICE, TENANT, Kind, describe


@pytest.mark.parametrize(
    ("kind", "namespace", "name", "path"),
    [
        (SERVICE, "team-a", "contoso-scim", "/api/v1/namespaces/team-a/services/contoso-scim"),
        (SERVICE, None, None, "/api/v1/services"),
        (DEPLOYMENT, "team-a", None, "/apis/apps/v1/namespaces/team-a/deployments"),
        (NAMESPACE, None, "team-a", "/api/v1/namespaces/team-a"),
    ],
)
def test_path(kind: Kind, namespace: str | None, name: str | None, path: str) -> None:
    """The core group and the named groups have different roots; no namespace means all."""
    assert kind.path(namespace, name) == path


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (TENANT.path("team-a", "contoso"), "scimtenants/contoso in namespace team-a"),
        (
            f"{TENANT.path('team-a', 'contoso')}/status",
            "scimtenants/contoso/status in namespace team-a",
        ),
        (TENANT.path("team-a"), "scimtenants in namespace team-a"),
        (SERVICE.path(None), "/api/v1/services"),
        (NAMESPACE.path(None, "team-a"), "/api/v1/namespaces/team-a"),
    ],
)
def test_describe(path: str, text: str) -> None:
    """A path in a namespace is described by resource, name and namespace."""
    assert describe(path) == text
