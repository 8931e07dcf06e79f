"""Tests of the choice of a pod that gets the tenant's token."""

from __future__ import annotations

from typing import Any

import pytest
from scim_operator.api.tenant import Tenant
from scim_operator.cli.cluster.pods import find_ready_pod
from scim_operator.cli.errors import ClusterError
from scim_operator.kube.kinds import DEPLOYMENT, POD, REPLICA_SET

from tests.unit.operator.cli.cluster.api import cluster
from tests.unit.operator.sample import body

TENANT = Tenant.parse(body())


def owned(name: str, uid: str, owner: tuple[str, str, str] | None, *, ready: bool = True) -> Any:
    """Return an object with its owner's kind, name and uid."""
    kind, owner_name, owner_uid = owner or ("", "", "")
    reference = {"kind": kind, "name": owner_name, "uid": owner_uid, "controller": True}
    return {
        "metadata": {"name": name, "uid": uid, "ownerReferences": [reference] if owner else []},
        "status": {"conditions": [{"type": "Ready", "status": str(ready)}]},
    }


def responses(*pods: Any, deployment_owner: str = TENANT.uid) -> dict[str, tuple[int, Any]]:
    """Return an API server with the tenant's Deployment, its ReplicaSet, and pods."""
    replica_set = owned("rs", "u-rs", ("Deployment", "deploy", "u-deploy"))
    deployment = owned("deploy", "u-deploy", ("ScimTenant", "contoso", deployment_owner))
    return {
        POD.path("team-a"): (200, {"items": pods}),
        REPLICA_SET.path("team-a", "rs"): (200, replica_set),
        DEPLOYMENT.path("team-a", "deploy"): (200, deployment),
    }


OWN = owned("own", "u-pod", ("ReplicaSet", "rs", "u-rs"))


def test_own_pod() -> None:
    """The first ready pod of the tenant's own Deployment is chosen."""
    waiting = owned("waiting", "u-1", ("ReplicaSet", "rs", "u-rs"), ready=False)
    planted = owned("planted", "u-2", None)
    assert find_ready_pod(cluster(responses(waiting, planted, OWN)), TENANT) == "own"


@pytest.mark.parametrize(
    "pod",
    [
        owned("planted", "u-2", None),
        owned("planted", "u-2", ("Job", "rs", "u-rs")),
        owned("planted", "u-2", ("ReplicaSet", "missing", "u-rs")),
        owned("planted", "u-2", ("ReplicaSet", "rs", "u-other")),
    ],
    ids=["no owner", "owner of another kind", "missing owner", "owner with another uid"],
)
def test_planted_pod(pod: Any) -> None:
    """A pod that the tenant's own Deployment does not control is never chosen."""
    with pytest.raises(ClusterError, match=r"no pod of team-a/contoso is ready"):
        find_ready_pod(cluster(responses(pod)), TENANT)


def test_deployment_of_another_tenant() -> None:
    """A Deployment of an earlier tenant of the same name is not the tenant's own."""
    with pytest.raises(ClusterError, match="no pod of"):
        find_ready_pod(cluster(responses(OWN, deployment_owner="another")), TENANT)
