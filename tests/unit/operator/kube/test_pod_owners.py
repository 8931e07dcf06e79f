"""The owners of pods: the tenant's own pods, and foreign pods that receive its requests."""

from __future__ import annotations

from typing import Any

import pytest
from scim_operator.api import names
from scim_operator.api.tenant import Key
from scim_operator.kube import pod_owners

Object = dict[str, Any]
KEY = Key("team-a", "contoso")


def owner(kind: str, name: str, **more: Any) -> Object:
    """An owner reference of a controller."""
    return {"kind": kind, "name": name, "uid": "4", "controller": True} | more


def pod(labels: dict[str, str], *owners: Object, ready: str = "True") -> Object:
    """A pod as the API server returns it."""
    return {
        "metadata": {"name": "x", "labels": labels, "ownerReferences": list(owners)},
        "status": {"conditions": [{"type": "Ready", "status": ready}]},
    }


ALL_LABELS = names.selector("contoso") | {"pod-template-hash": "abc"}
REPLICA_SET = owner("ReplicaSet", "contoso-scim-abc")


@pytest.mark.finding("S4")
@pytest.mark.parametrize(
    ("found", "is_foreign"),
    [
        (pod(ALL_LABELS, REPLICA_SET), False),
        (pod(ALL_LABELS), True),
        (pod(ALL_LABELS, owner("ReplicaSet", "contoso-scim-other")), True),
        (pod(ALL_LABELS, owner("StatefulSet", "contoso-scim-abc")), True),
        (pod(names.selector("contoso"), REPLICA_SET), True),
        (pod(ALL_LABELS, ready="False"), False),
        (pod({names.TENANT_LABEL: "contoso"}), False),
    ],
    ids=["own", "no controller", "other set", "other kind", "no hash", "not ready", "one label"],
)
def test_foreign_pod(found: Object, *, is_foreign: bool) -> None:
    """A ready pod that the Service selects is foreign unless the Deployment owns it."""
    assert (pod_owners.find_foreign_pod(KEY, [found]) is not None) == is_foreign


def test_controller() -> None:
    """Only the owner that is the controller counts."""
    other = owner("ConfigMap", "other", controller=False)
    assert pod_owners.find_controller(pod({}, other, REPLICA_SET)) == REPLICA_SET
    assert pod_owners.find_controller(pod({}, other)) is None
    assert pod_owners.find_controller({"metadata": {}}) is None


def test_ready() -> None:
    """A pod that is being deleted receives no requests, whatever its condition says."""
    assert pod_owners.is_ready(pod({}))
    assert not pod_owners.is_ready(pod({}, ready="False"))
    deleted = pod({})
    deleted["metadata"]["deletionTimestamp"] = "2026-11-25T08:00:00Z"
    assert not pod_owners.is_ready(deleted)
    assert not pod_owners.is_ready({"metadata": {}})
