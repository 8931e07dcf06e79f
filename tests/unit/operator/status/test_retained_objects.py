"""Objects that deleted tenants have left."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from scim_operator.api import names
from scim_operator.api.tenant import Key
from scim_operator.kube.kinds import SECRET, VOLUME_CLAIM
from scim_operator.status.retained_objects import find

Object = dict[str, Any]
LABELS = {names.TENANT_LABEL: "contoso", names.MANAGED_BY_LABEL: names.MANAGER}


def body(labels: dict[str, str] = LABELS, **more: Any) -> Object:
    """An object of a tenant."""
    metadata = {
        "name": "contoso-scim-data",
        "namespace": "team-a",
        "labels": labels,
        "creationTimestamp": "2026-11-25T08:00:00Z",
    }
    return {"metadata": metadata | more}


def test_a_volume_claim() -> None:
    """A retained volume claim is returned with its capacity, or with the requested size."""
    spec = {"resources": {"requests": {"storage": "1Gi"}}, "volumeName": "pv-1"}
    (bound,) = find(
        VOLUME_CLAIM, [body() | {"spec": spec, "status": {"capacity": {"storage": "2Gi"}}}], ()
    )
    (pending,) = find(VOLUME_CLAIM, [body() | {"spec": spec}], ())
    assert bound.tenant == Key("team-a", "contoso")
    assert bound.created == datetime(2026, 11, 25, 8, tzinfo=UTC)
    assert (bound.size, bound.volume, pending.size) == ("2Gi", "pv-1", "1Gi")


def test_objects_that_are_not_retained() -> None:
    """Objects of existing tenants, objects with an owner, and objects of others do not count."""
    owned = body(ownerReferences=[{"kind": "ScimTenant", "uid": "1"}])
    assert find(SECRET, [body()], {Key("team-a", "contoso")}) == []
    assert find(SECRET, [owned], ()) == []
    assert find(SECRET, [body({names.TENANT_LABEL: "contoso"})], ()) == []
    assert find(SECRET, [body({names.MANAGED_BY_LABEL: "Helm"})], ()) == []
