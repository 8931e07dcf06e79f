"""The operator's RBAC rights as data; tests check the chart's roles against them."""

from __future__ import annotations

from typing import NamedTuple


class Right(NamedTuple):
    """A rule of a role: verbs on resources of one API group."""

    group: str
    resources: tuple[str, ...]
    verbs: tuple[str, ...]


_MANAGE = ("get", "list", "watch", "create", "patch", "delete")

RIGHTS = (
    # Patch: the operator sets one annotation, so that a backup shows that a tenant has served.
    Right("scim-operator.io", ("scimtenants",), ("get", "list", "watch", "patch")),
    # Server-side apply is a patch; it also needs create if the object may be new.
    Right("scim-operator.io", ("scimtenants/status",), ("patch",)),
    # For ownerReferences with blockOwnerDeletion if that admission check is enabled (OpenShift).
    Right("scim-operator.io", ("scimtenants/finalizers",), ("update",)),
    Right("", ("configmaps", "persistentvolumeclaims", "secrets", "services"), _MANAGE),
    Right("", ("pods",), ("get", "list", "watch")),
    # Events are the only source of the reason that a node does not create a pod's containers.
    Right("", ("events",), ("create", "list")),
    Right("apps", ("deployments",), _MANAGE),
    # To verify that a pod belongs to the tenant: its ReplicaSet must belong to the Deployment.
    Right("apps", ("replicasets",), ("get",)),
    Right("networking.k8s.io", ("ingresses", "networkpolicies"), _MANAGE),
    Right("policy", ("poddisruptionbudgets",), _MANAGE),
    Right("gateway.networking.k8s.io", ("httproutes",), _MANAGE),
)
"""Rights in every watched namespace, by a ClusterRole or by a Role in each namespace."""

CLUSTER_RIGHTS = (
    Right("storage.k8s.io", ("storageclasses",), ("get", "list")),
    Right("networking.k8s.io", ("ingressclasses",), ("get",)),
)
"""Optional cluster-wide rights: the condition of a pending volume or Ingress can then name the
missing class."""

LEADER_RIGHTS = (
    Right("coordination.k8s.io", ("leases",), ("get", "create", "update")),
    Right("", ("secrets",), ("create",)),
    Right("", ("secrets",), ("get",)),
    Right("", ("configmaps",), ("get", "list", "create", "patch", "delete")),
)
"""Rights in the operator's own namespace: the Lease (with ``leader_elect``), the Secret with its
key (readable by its name only), and the ConfigMaps of URL claims."""
