"""What tools that deploy and prune may take for their own, against a real API server."""

from __future__ import annotations

import json
import time

import httpx
from scim_operator.api import names

from tests.operator.install import Installation
from tests.operator.world import COLLECTION_S, Namespace, Object, eventually
from tests.service.program import free_port

KEPT = (
    ("secret", "contoso-scim-token"),
    ("secret", "contoso-scim-digests"),
    ("persistentvolumeclaim", "contoso-scim-data"),
)


def prunable(namespace: Namespace, application: str) -> set[str]:
    """What an application that tracks by the recommended label would delete as no longer wanted.

    That is every object with its name in the label, unless a controller owns it.
    """
    kinds = (
        "configmaps,secrets,persistentvolumeclaims,services,deployments,replicasets,pods,"
        "networkpolicies,ingresses,poddisruptionbudgets"
    )
    selector = f"app.kubernetes.io/instance={application}"
    listed = json.loads(namespace.kubectl("get", kinds, "-l", selector, "-o", "json"))["items"]
    return {
        f"{body['kind']}/{body['metadata']['name']}"
        for body in listed
        if not body["metadata"].get("ownerReferences")
    }


def apply_as_before(namespace: Namespace, kind: str, name: str) -> None:
    """Apply an object as the versions before did: with the label, under the same field manager."""
    live = namespace.get(kind, name)
    metadata = live["metadata"]
    body: Object = {
        "apiVersion": live["apiVersion"],
        "kind": live["kind"],
        "metadata": {
            "name": name,
            "labels": names.labels("contoso") | {names.INSTANCE_LABEL: "contoso"},
            "annotations": metadata["annotations"] | {names.APPLIED_ANNOTATION: "before"},
        },
    }
    body |= {key: live[key] for key in ("data", "type") if key in live}
    if kind == "persistentvolumeclaim":
        requests = live["spec"]["resources"]
        body["spec"] = {"accessModes": live["spec"]["accessModes"], "resources": requests}
    manager = f"--field-manager={names.MANAGER}"
    namespace.kubectl(
        *("apply", "--server-side", "--force-conflicts", manager, "-f", "-"), stdin=json.dumps(body)
    )


def test_nothing_is_prunable(namespace: Namespace) -> None:
    """An application with the tenant's name finds nothing of the tenant's to delete."""
    namespace.apply("contoso", {"exposure": {"ingress": {}, "host": "gitops.example.com"}})
    namespace.settled("contoso")
    eventually(lambda: namespace.pods("contoso"))
    assert prunable(namespace, "contoso") == set()


def test_living_tenants_are_freed(installation: Installation, unserved: Namespace) -> None:
    """What an earlier version labelled loses the label; no pod restarts, and nothing else changes.

    The label of the digests' Secret was put back by a merge, which an apply does not take away.
    """
    with installation.operator("before", watch_namespaces=unserved.name):
        unserved.apply("contoso")
        token = unserved.settled("contoso")
        eventually(lambda: unserved.pods("contoso"))
    for kind, name in KEPT:
        apply_as_before(unserved, kind, name)
    merge = json.dumps({"metadata": {"labels": {names.INSTANCE_LABEL: "contoso"}}})
    unserved.kubectl(
        *("patch", "secret", "contoso-scim-digests", "--type=merge", f"--patch={merge}"),
        f"--field-manager={names.MANAGER}",
    )
    assert len(prunable(unserved, "contoso")) == len(KEPT)
    digests = unserved.digests("contoso")
    pods = [pod["metadata"]["uid"] for pod in unserved.pods("contoso")]
    uids = {name: unserved.get(kind, name)["metadata"]["uid"] for kind, name in KEPT}
    with installation.operator("after", watch_namespaces=unserved.name):
        eventually(lambda: not prunable(unserved, "contoso"), 20)
        unserved.repair("contoso")
    assert unserved.token("contoso") == token
    assert unserved.digests("contoso") == digests
    assert [pod["metadata"]["uid"] for pod in unserved.pods("contoso")] == pods
    assert {name: unserved.get(kind, name)["metadata"]["uid"] for kind, name in KEPT} == uids


def test_leftovers_are_freed_and_counted(installation: Installation, unserved: Namespace) -> None:
    """What a deleted tenant has left with the label loses it too, and the metrics count it."""
    with installation.operator("before", watch_namespaces=unserved.name):
        unserved.apply("contoso")
        unserved.settled("contoso")
    unserved.kubectl("delete", "scimtenant", "contoso")
    for kind, name in KEPT:
        apply_as_before(unserved, kind, name)
    eventually(lambda: not unserved.get("service", "contoso-scim"), COLLECTION_S)
    port = free_port()
    settings = {"port": str(port), "bind_address": "127.0.0.1"}
    with installation.operator("after", watch_namespaces=unserved.name, **settings):
        eventually(lambda: not prunable(unserved, "contoso"), 20)
        text = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
    lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert lines['scim_operator_retained_objects{kind="PersistentVolumeClaim"}'] == "1.0"
    assert lines['scim_operator_retained_objects{kind="Secret"}'] == "2.0"
    assert 0 < time.time() - float(lines["scim_operator_retained_oldest_timestamp_seconds"]) < 600
