"""A tenant's pods, and connections to them through the API server."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import websocket

from scim_operator.api import names
from scim_operator.api.tenant import Key, Tenant
from scim_operator.cli.cluster import pod_exec, port_forward
from scim_operator.cli.cluster.client import Cluster, missing_right
from scim_operator.cli.cluster.pod_exec import CommandResult, Readable, Target, Writable
from scim_operator.cli.errors import ClusterError, MissingError
from scim_operator.kube import pod_owners
from scim_operator.kube.kinds import DEPLOYMENT, POD, REPLICA_SET, Object


def list_pods(cluster: Cluster, tenant: Key) -> list[Object]:
    """List the pods with the labels of a tenant."""
    selector = ",".join(f"{key}={value}" for key, value in names.selector(tenant.name).items())
    return cluster.list_objects(POD, query=[("labelSelector", selector)])


def find_ready_pod(cluster: Cluster, tenant: Tenant) -> str:
    """Return the name of a ready pod that belongs to the tenant's own Deployment.

    Every user who may create pods can give one the tenant's labels; a token goes only to a pod
    that the ReplicaSet of the tenant's own Deployment controls.

    Raises
    ------
    ClusterError
        There is none, or the user may not read its owners.
    """
    for pod in list_pods(cluster, tenant.key):
        if pod_owners.is_ready(pod) and _is_owned(cluster, tenant, pod):
            name: str = pod["metadata"]["name"]
            return name
    raise ClusterError(
        f"no pod of {tenant.key} is ready: see the condition Available "
        f"(kubectl scim status {tenant.key.name})"
    )


def _is_owned(cluster: Cluster, tenant: Tenant, pod: Object) -> bool:
    child = pod
    for kind in (REPLICA_SET, DEPLOYMENT):
        owner = pod_owners.find_controller(child)
        if owner is None or owner["kind"] != kind.name:
            return False
        try:
            child = cluster.get(kind, owner["name"])
        except MissingError:
            return False
        if child["metadata"]["uid"] != owner["uid"]:
            return False
    owner = pod_owners.find_controller(child)
    return owner is not None and owner["uid"] == tenant.uid


def open_port(cluster: Cluster, pod: str, port: int) -> socket.socket:
    """Open a connection to a port of a pod.

    Raises
    ------
    ClusterError
        The API server or the pod's node refuses.
    """
    with _explain_errors(cluster, pod, "pods/portforward", "kubectl port-forward"):
        return port_forward.open_port(cluster.server, cluster.namespace, pod, port)


def run_command(
    cluster: Cluster,
    tenant: Tenant,
    command: Sequence[str],
    *,
    stdin: Readable | None = None,
    stdout: Writable | None = None,
) -> CommandResult:
    """Run a command in the service's container of a ready pod, and wait for its end.

    Raises
    ------
    ClusterError
        No pod is ready, the API server or the pod's node refuses, or the connection is lost.
    """
    pod = find_ready_pod(cluster, tenant)
    target = Target(cluster.namespace, pod, names.CONTAINER)
    with _explain_errors(cluster, pod, "pods/exec", "kubectl exec"):
        return pod_exec.run_command(cluster.server, target, command, stdin=stdin, stdout=stdout)


@contextmanager
def _explain_errors(cluster: Cluster, pod: str, resource: str, command: str) -> Iterator[None]:
    """Turn a refused WebSocket into an error that says what to do."""
    try:
        yield
    except websocket.WebSocketBadStatusException as error:
        answer = (error.resp_body or b"").decode(errors="replace")
        if error.status_code == 403:
            # A WebSocket is a GET; newer API servers require the right to create as well, and
            # their answer does not say so.
            verb = "get" if "cannot get" in answer else "create"
            raise missing_right(verb, resource, cluster.namespace) from None
        raise ClusterError(
            f"the API server does not connect to the pod {pod} ({error.status_code}): check that "
            f"{command} works for it"
        ) from error
