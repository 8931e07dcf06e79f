"""The kinds of objects that the operator reads and writes, and their paths in the API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from scim_operator.api import names

Object: TypeAlias = dict[str, Any]
"""An object as the API server returns it."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A namespaced kind.

    Attributes
    ----------
    optional
        Whether a cluster may lack this kind.
    """

    api_version: str
    name: str
    plural: str
    optional: bool = False

    def path(self, namespace: str | None, name: str | None = None) -> str:
        """Return the path of an object, or of a list if there is no name.

        A namespace of None means all namespaces.
        """
        root = "/apis" if "/" in self.api_version else "/api"
        parts = [root, self.api_version]
        if namespace is not None:
            parts += ["namespaces", namespace]
        parts.append(self.plural)
        if name is not None:
            parts.append(name)
        return "/".join(parts)


def describe(path: str) -> str:
    """Describe a path of the API for people: ``services/contoso-scim in namespace team-a``."""
    _, _, rest = path.partition("/namespaces/")
    namespace, _, resource = rest.partition("/")
    if not resource:
        return path
    return f"{resource} in namespace {namespace}"


Identity: TypeAlias = tuple[Kind, str]
"""Kind and name of an object in a namespace that is known."""

TENANT = Kind(names.API_VERSION, names.KIND, names.PLURAL)
CONFIG_MAP = Kind("v1", "ConfigMap", "configmaps")
SECRET = Kind("v1", "Secret", "secrets")
VOLUME_CLAIM = Kind("v1", "PersistentVolumeClaim", "persistentvolumeclaims")
SERVICE = Kind("v1", "Service", "services")
POD = Kind("v1", "Pod", "pods")
EVENT = Kind("v1", "Event", "events")
DEPLOYMENT = Kind("apps/v1", "Deployment", "deployments")
REPLICA_SET = Kind("apps/v1", "ReplicaSet", "replicasets")
NETWORK_POLICY = Kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies")
INGRESS = Kind("networking.k8s.io/v1", "Ingress", "ingresses")
POD_DISRUPTION_BUDGET = Kind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets")
HTTP_ROUTE = Kind("gateway.networking.k8s.io/v1", "HTTPRoute", "httproutes", optional=True)
NAMESPACE = Kind("v1", "Namespace", "namespaces")
LEASE = Kind("coordination.k8s.io/v1", "Lease", "leases")
INGRESS_CLASS = Kind("networking.k8s.io/v1", "IngressClass", "ingressclasses")
STORAGE_CLASS = Kind("storage.k8s.io/v1", "StorageClass", "storageclasses")

WATCHED = (
    CONFIG_MAP,
    SECRET,
    VOLUME_CLAIM,
    SERVICE,
    POD,
    DEPLOYMENT,
    NETWORK_POLICY,
    INGRESS,
    POD_DISRUPTION_BUDGET,
    HTTP_ROUTE,
)
"""Kinds of the objects that belong to tenants. All these objects have the tenant label."""
