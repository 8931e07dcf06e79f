"""Tests of the errors and lists of tenants."""

from __future__ import annotations

from typing import Any

import pytest
from scim_operator.api import names
from scim_operator.cli.cluster.tenants import find_unattended, list_retained, read_tenant
from scim_operator.cli.errors import ClusterError, MissingError
from scim_operator.kube.kinds import LEASE, SECRET, TENANT, VOLUME_CLAIM

from tests.unit.operator.cli.cluster.api import cluster
from tests.unit.operator.sample import body

EVERYWHERE = TENANT.path(None)
HERE = TENANT.path("team-a")


@pytest.mark.parametrize(
    ("responses", "words"),
    [
        (
            {EVERYWHERE: (200, {"items": [body("contoso"), body("fabrikam")]})},
            "Tenants in this namespace: contoso, fabrikam.",
        ),
        (
            {EVERYWHERE: (200, {"items": [body("contso", namespace="team-b")]})},
            "Namespace team-b has one of that name: use -n.",
        ),
        (
            {EVERYWHERE: (200, {"items": [body("contoso", namespace="team-b")]})},
            "Tenants elsewhere: team-b/contoso; use -n.",
        ),
        ({EVERYWHERE: (200, {"items": []})}, "There are no tenants yet"),
        (
            {EVERYWHERE: (403, {"message": "no"}), HERE: (200, {"items": [body("contoso")]})},
            "Tenants in this namespace: contoso.",
        ),
    ],
    ids=["same namespace", "same name elsewhere", "another namespace", "none", "no right"],
)
def test_missing_tenant(responses: dict[str, tuple[int, Any]], words: str) -> None:
    """The error about a missing tenant names the tenants that the user may have meant."""
    with pytest.raises(MissingError) as error:
        read_tenant(cluster(responses), "contso")
    assert error.value.message.startswith("there is no ScimTenant contso in namespace team-a.")
    assert words in error.value.message


def test_unreadable_tenant() -> None:
    """A tenant of another version is an error, unless its readable fields are enough."""
    newer = body("contoso", spec={"replicas": "many"})
    api = cluster({TENANT.path("team-a", "contoso"): (200, newer)})
    with pytest.raises(ClusterError, match="Install the plugin of the operator's version"):
        read_tenant(api, "contoso")
    assert read_tenant(api, "contoso", partial=True).unreadable


def test_unattended_tenant() -> None:
    """A tenant whose operator's Lease is missing is unattended; without the right it is not."""
    tenant = body("contoso")
    tenant["status"] = {"operator": "scim/operator"}
    path = TENANT.path("team-a", "contoso")
    api = cluster({path: (200, tenant)})
    found = read_tenant(api, "contoso")
    assert "scim/operator" in find_unattended(api, [found])[found.key]
    forbidden = cluster({LEASE.path("scim", "operator"): (403, {"message": "no"})})
    assert find_unattended(forbidden, [found]) == {}


def test_retained_objects() -> None:
    """Only objects of deleted tenants are listed."""

    def claim(tenant: str) -> dict[str, Any]:
        labels = names.labels(tenant)
        metadata = {
            "name": f"{tenant}-scim-data",
            "namespace": "team-a",
            "labels": labels,
            "creationTimestamp": "2026-11-25T08:00:00Z",
        }
        return {"metadata": metadata, "spec": {}, "status": {}}

    claims = {"items": [claim("contoso"), claim("deleted")]}
    api = cluster(
        {
            HERE: (200, {"items": [body("contoso")]}),
            VOLUME_CLAIM.path("team-a"): (200, claims),
            SECRET.path("team-a"): (200, {"items": []}),
        }
    )
    assert [each.name for each in list_retained(api)] == ["deleted-scim-data"]
