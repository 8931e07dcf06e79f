"""The rights that the operator needs, as data: the chart's roles are checked against them."""

from __future__ import annotations

from typing import NamedTuple


class Right(NamedTuple):
    """One rule of a role: verbs on the resources of one API group."""

    group: str
    resources: tuple[str, ...]
    verbs: tuple[str, ...]


_OWN = ("get", "list", "watch", "create", "patch", "delete")

RIGHTS = (
    # Patched for one annotation, by which a backup tells that a tenant has served.
    Right("scim-operator.io", ("scimtenants",), ("get", "list", "watch", "patch")),
    # A server-side apply is a patch; it needs create as well when the object may be new.
    Right("scim-operator.io", ("scimtenants/status",), ("patch",)),
    # For ownerReferences with blockOwnerDeletion where that admission check is on (OpenShift).
    Right("scim-operator.io", ("scimtenants/finalizers",), ("update",)),
    Right("", ("configmaps", "persistentvolumeclaims", "secrets", "services"), _OWN),
    Right("", ("pods",), ("get", "list", "watch")),
    # Only they tell why a node does not create a pod's containers.
    Right("", ("events",), ("create", "list")),
    Right("apps", ("deployments",), _OWN),
    # Whether a pod is the tenant's own: its ReplicaSet must be the Deployment's.
    Right("apps", ("replicasets",), ("get",)),
    Right("networking.k8s.io", ("ingresses", "networkpolicies"), _OWN),
    Right("policy", ("poddisruptionbudgets",), _OWN),
    Right("gateway.networking.k8s.io", ("httproutes",), _OWN),
)
"""Needed in every watched namespace: a ClusterRole for all of them, or a Role in each."""

CLUSTER_RIGHTS = (
    Right("storage.k8s.io", ("storageclasses",), ("get", "list")),
    Right("networking.k8s.io", ("ingressclasses",), ("get",)),
)
"""Cluster-wide and optional: with them, the condition of a volume or an Ingress that waits can say
which class is missing."""

LEADER_RIGHTS = (
    Right("coordination.k8s.io", ("leases",), ("get", "create", "update")),
    Right("", ("secrets",), ("create",)),
    Right("", ("secrets",), ("get",)),
    Right("", ("configmaps",), ("get", "list", "create", "patch", "delete")),
)
"""Needed in the operator's own namespace: the Lease, with ``leader_elect``, the Secret with its key
(only that one Secret need be readable, by its name), and the records of who has which URL."""
