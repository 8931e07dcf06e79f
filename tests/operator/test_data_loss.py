"""Volumes and tokens that are going, lost or replaced, on a real API server with controllers."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest
from scim_operator.api import names

from tests.operator.install import Installation
from tests.operator.world import Namespace, Object, eventually

CLAIM = ("pvc", "contoso-scim-data")
HOLD = "example.com/hold"


def volume(name: str) -> Object:
    """A PersistentVolume that keeps its data when its claim goes."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {
            "storageClassName": "static",
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": "Retain",
            "hostPath": {"path": "/nowhere"},
            # Only for the tenants of this test.
            "claimRef": {"namespace": name.rpartition("-")[0], "name": "contoso-scim-data"},
        },
    }


SPEC: Object = {"database": {"sqlite": {"storageClassName": "static"}}}


def _bound(namespace: Namespace) -> str:
    """Wait until the claim has a volume and the tenant's status says so; return the volume."""

    def seen() -> str:
        record = namespace.get("scimtenant", "contoso")["status"].get("volume") or {}
        claim = namespace.get(*CLAIM)
        is_it = record.get("claim") == claim.get("metadata", {}).get("uid")
        return str(record.get("name", "")) if is_it else ""

    return eventually(seen, 30)


@pytest.fixture
def served(namespace: Namespace) -> Iterator[Namespace]:
    """A namespace whose tenant has a volume."""
    name = f"{namespace.name}-one"
    namespace.kubectl("create", "-f", "-", stdin=json.dumps(volume(name)))
    namespace.apply("contoso", SPEC)
    namespace.settled("contoso")
    assert _bound(namespace) == name
    yield namespace
    namespace.kubectl("delete", "--wait=false", f"persistentvolume/{name}")


def stalled(namespace: Namespace, reason: str) -> str:
    """Wait until the tenant is stalled for a reason and not Ready; return the message."""

    def seen() -> str:
        found = namespace.condition("contoso", "Stalled")
        is_it = (found.get("status"), found.get("reason")) == ("True", reason)
        return str(found["message"]) if is_it else ""

    message = eventually(seen, 20)
    assert namespace.condition("contoso", "Ready")["status"] == "False"
    return message


def finalize(namespace: Namespace, kind: str, name: str, finalizers: list[str]) -> None:
    """Set the finalizers of an object."""
    patch = json.dumps({"metadata": {"finalizers": finalizers or None}})
    namespace.kubectl("patch", kind, name, "--type=merge", f"--patch={patch}")


def annotate(namespace: Namespace, name: str, value: str) -> None:
    """Annotate the tenant."""
    namespace.kubectl("annotate", "scimtenant", "contoso", f"{name}={value}")


def replicas(namespace: Namespace) -> int:
    """How many pods the Deployment asks for."""
    return int(namespace.get("deployment", "contoso-scim")["spec"]["replicas"])


def stays(namespace: Namespace, seconds: float = 2.0) -> None:
    """Make sure that no claim is made and no pod asked for, for a while and a pass."""
    deadline = time.monotonic() + seconds
    namespace.repair("contoso")
    while time.monotonic() < deadline:
        assert not namespace.get(*CLAIM)
        assert replicas(namespace) == 0
        time.sleep(0.2)


def test_deleted_claim(served: Namespace) -> None:
    """A claim that goes is told while it goes; afterwards no empty one takes its place.

    The volume that was kept is the tenant's again by an annotation that names it.
    """
    name = _bound(served)
    finalize(served, *CLAIM, [HOLD])
    served.kubectl("delete", "--wait=false", "/".join(CLAIM))
    assert name in stalled(served, "VolumeBeingDeleted")
    # A new pod could not have it: whatever would replace the pod waits.
    before = served.get("deployment", "contoso-scim")["spec"]
    served.apply("contoso", SPEC | {"suspended": True})
    served.repair("contoso")
    assert served.get("deployment", "contoso-scim")["spec"] == before
    served.apply("contoso", SPEC | {"suspended": False})

    finalize(served, *CLAIM, [])
    message = stalled(served, "VolumeLost")
    assert f"{names.REBIND_ANNOTATION}={name}" in message
    assert f"{names.BEGIN_ANEW_ANNOTATION}={name}" in message
    eventually(lambda: replicas(served) == 0)
    stays(served)

    uid = json.dumps({"spec": {"claimRef": {"uid": None, "resourceVersion": None}}})
    served.kubectl("patch", "persistentvolume", name, "--type=merge", f"--patch={uid}")
    annotate(served, names.REBIND_ANNOTATION, name)
    eventually(lambda: served.get(*CLAIM).get("status", {}).get("phase") == "Bound", 30)
    assert served.get(*CLAIM)["spec"]["volumeName"] == name
    eventually(lambda: replicas(served) == 1)
    eventually(lambda: served.condition("contoso", "Stalled").get("status") == "False")
    assert _bound(served) == name
    # Without the annotation, and with another size, the claim goes on to name its volume.
    served.kubectl("annotate", "scimtenant", "contoso", f"{names.REBIND_ANNOTATION}-")
    served.apply("contoso", SPEC | {"deletionPolicy": "Delete"})
    eventually(lambda: served.get(*CLAIM)["metadata"].get("ownerReferences"))
    assert served.condition("contoso", "Stalled")["status"] == "False"


def test_claim_deleted_for_good(served: Namespace) -> None:
    """A person who gives the volume up by its name has the tenant begin with another."""
    name = _bound(served)
    served.kubectl("delete", "/".join(CLAIM))
    stalled(served, "VolumeLost")
    stays(served)
    annotate(served, names.BEGIN_ANEW_ANNOTATION, name)
    second = f"{served.name}-two"
    served.kubectl("create", "-f", "-", stdin=json.dumps(volume(second)))
    assert _bound(served) == second
    eventually(lambda: replicas(served) == 1)
    # What was consented to was one loss.
    served.kubectl("delete", "/".join(CLAIM))
    assert second in stalled(served, "VolumeLost")
    served.kubectl("delete", "--wait=false", f"persistentvolume/{second}")


def test_claim_replaced_by_a_copy(served: Namespace) -> None:
    """A claim with the operator's own seal and another volume gets no pod without consent."""
    claim = served.get(*CLAIM)
    served.kubectl("delete", "/".join(CLAIM))
    stalled(served, "VolumeLost")
    second = f"{served.name}-two"
    served.kubectl("create", "-f", "-", stdin=json.dumps(volume(second)))
    _restore(served, claim)
    uid = served.get(*CLAIM)["metadata"]["uid"]
    assert f"{names.ADOPT_ANNOTATION}={uid}" in stalled(served, "VolumeReplaced")
    served.repair("contoso")
    assert replicas(served) == 0
    annotate(served, names.ADOPT_ANNOTATION, uid)
    eventually(lambda: replicas(served) == 1)
    assert _bound(served) == second
    served.kubectl("delete", "--wait=false", f"persistentvolume/{second}")


def test_claim_made_by_hand(served: Namespace) -> None:
    """One without label and seal is named, though it is not watched, and had by consent."""
    served.kubectl("delete", "/".join(CLAIM))
    stalled(served, "VolumeLost")
    made = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": CLAIM[1]},
        "spec": {
            "storageClassName": "static",
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }
    served.kubectl("create", "-f", "-", stdin=json.dumps(made))
    served.repair("contoso")
    uid = served.get(*CLAIM)["metadata"]["uid"]
    assert uid in stalled(served, "ForeignOwner")
    assert replicas(served) == 0
    served.kubectl("annotate", "/".join(CLAIM), f"{names.ADOPT_BY_ANNOTATION}=contoso")
    annotate(served, names.ADOPT_ANNOTATION, uid)
    eventually(lambda: replicas(served) == 1, 30)


def test_label_taken_away_from_a_volume_in_use(served: Namespace) -> None:
    """A claim that is merely not seen any more is no loss: no pod stops."""
    before = served.get("deployment", "contoso-scim")["metadata"]["generation"]
    served.kubectl("label", *CLAIM, f"{names.TENANT_LABEL}-")
    eventually(lambda: names.TENANT_LABEL in served.get(*CLAIM)["metadata"]["labels"], 20)
    served.repair("contoso")
    assert served.condition("contoso", "Stalled")["status"] == "False"
    assert served.get("deployment", "contoso-scim")["metadata"]["generation"] == before


def test_lost_volume(served: Namespace) -> None:
    """A claim whose PersistentVolume is gone does not wait for it: the tenant is stalled."""
    name = _bound(served)
    served.kubectl("delete", "--wait=false", f"persistentvolume/{name}")
    patch = json.dumps({"metadata": {"finalizers": None}})
    served.kubectl("patch", "persistentvolume", name, "--type=merge", f"--patch={patch}")
    assert name in stalled(served, "VolumeLost")
    assert served.get(*CLAIM)["status"]["phase"] == "Lost"
    served.kubectl("create", "-f", "-", stdin=json.dumps(volume(name)))


def test_both_secrets_deleted_unseen(installation: Installation, unserved: Namespace) -> None:
    """Token and digests that are both gone are not replaced: restored, they are as they were."""
    with installation.operator("before", watch_namespaces=unserved.name):
        unserved.apply("contoso")
        token = unserved.settled("contoso")
    secrets = json.loads(
        unserved.kubectl(
            "get", "secret", "contoso-scim-digests", "contoso-scim-token", "-o", "json"
        )
    )["items"]
    digests = unserved.digests("contoso")
    for secret in secrets:
        unserved.kubectl("delete", "secret", secret["metadata"]["name"])
    with installation.operator("after", watch_namespaces=unserved.name):
        stalled(unserved, "TokenLost")
        unserved.repair("contoso")
        assert not unserved.token("contoso")
        assert not unserved.digests("contoso")
        for secret in secrets:
            _restore(unserved, secret)
        eventually(lambda: unserved.condition("contoso", "TokenReady").get("status") == "True", 30)
        unserved.repair("contoso")
    assert unserved.token("contoso") == token
    assert unserved.digests("contoso") == digests


def _restore(namespace: Namespace, body: Object) -> None:
    """Create an object as a backup tool does: without identity, status and binding."""
    metadata = body["metadata"]
    annotations = {
        key: text
        for key, text in metadata.get("annotations", {}).items()
        if not key.startswith("pv.kubernetes.io/")
    }
    kept = {"name": metadata["name"], "labels": metadata["labels"], "annotations": annotations}
    restored = {key: value for key, value in body.items() if key != "status"}
    restored.get("spec", {}).pop("volumeName", None)
    namespace.kubectl("create", "-f", "-", stdin=json.dumps(restored | {"metadata": kept}))


KINDS = [
    ("configmap", "contoso-scim-config", "Available"),
    ("service", "contoso-scim", "Available"),
    ("networkpolicy", "contoso-scim", "Available"),
    ("deployment", "contoso-scim", "Available"),
    ("ingress", "contoso-scim", "Exposed"),
    ("secret", "contoso-scim-token", "TokenReady"),
    ("secret", "contoso-scim-digests", "TokenReady"),
    ("secret", "contoso-scim-access", "TokenReady"),
    ("pvc", "contoso-scim-data", "Available"),
]


@pytest.mark.parametrize(("kind", "name", "aspect"), KINDS, ids=[f"{k} {n}" for k, n, _ in KINDS])
def test_object_that_is_going(namespace: Namespace, kind: str, name: str, aspect: str) -> None:
    """What waits for a finalizer does not count as there, and is made again when it is gone."""
    spec: Object = {"exposure": {"ingress": {}, "host": f"{namespace.name}.example.com"}}
    namespace.apply("contoso", spec)
    token = namespace.settled("contoso")
    before = namespace.get(kind, name)["metadata"]["uid"]
    finalize(namespace, kind, name, [HOLD])
    namespace.kubectl("delete", "--wait=false", kind, name)

    def told() -> Object:
        found = namespace.condition("contoso", aspect)
        return found if found.get("reason") == "BeingDeleted" else {}

    found = eventually(told)
    assert found["status"] == "False"
    assert HOLD in found["message"]
    finalize(namespace, kind, name, [])
    eventually(lambda: namespace.get(kind, name).get("metadata", {}).get("uid", before) != before)
    eventually(lambda: namespace.condition("contoso", aspect).get("reason") != "BeingDeleted")
    assert namespace.token("contoso") == token


def test_going_and_no_longer_wanted(namespace: Namespace) -> None:
    """What is not wanted and waits for a finalizer is deleted once, and holds nothing up."""
    host = f"{namespace.name}.example.com"
    namespace.apply("contoso", {"exposure": {"ingress": {}, "host": host}})
    namespace.settled("contoso")
    finalize(namespace, "ingress", "contoso-scim", [HOLD])
    namespace.apply("contoso", {"exposure": {"host": host}})
    eventually(lambda: "deletionTimestamp" in namespace.get("ingress", "contoso-scim")["metadata"])
    eventually(lambda: namespace.condition("contoso", "Exposed").get("reason") == "External")
    finalize(namespace, "ingress", "contoso-scim", [])
    eventually(lambda: not namespace.get("ingress", "contoso-scim"))


@pytest.mark.parametrize("first", ["token", "volume"])
def test_restored_before_its_data(served: Namespace, first: str) -> None:
    """A restored tenant that comes first waits for the token and the volume that it had."""
    name = _bound(served)
    token, digests = served.token("contoso"), served.digests("contoso")
    kept = {
        path: body
        for path, body in served.objects("contoso").items()
        if path.startswith(("PersistentVolumeClaim/", "Secret/contoso-scim-digests"))
        or path == "Secret/contoso-scim-token"
    }
    served.kubectl("delete", "scimtenant", "contoso")
    for path in kept:
        served.kubectl("delete", path.lower())
    eventually(lambda: not served.objects("contoso"), 75)
    body = {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {"name": "contoso", "annotations": {names.SERVED_ANNOTATION: "true"}},
        "spec": SPEC,
    }
    served.kubectl("create", "-f", "-", stdin=json.dumps(body))
    stalled(served, "DataMissing")
    order = sorted(kept, reverse=first == "token")
    for path in order:
        assert served.token("contoso") in ("", token)
        assert not served.get("deployment", "contoso-scim")
        _restore(served, kept[path])
        uid = json.dumps({"spec": {"claimRef": {"uid": None, "resourceVersion": None}}})
        served.kubectl("patch", "persistentvolume", name, "--type=merge", f"--patch={uid}")
    served.settle(["contoso"], 30)
    assert served.token("contoso") == token
    assert served.digests("contoso") == digests
    assert _bound(served) == name


def test_a_tenant_that_has_served_is_marked(
    installation: Installation, unserved: Namespace
) -> None:
    """Once its service has told of users, the ScimTenant says so to whoever backs it up."""

    def tenant() -> Object:
        return unserved.get("scimtenant", "contoso")

    with installation.operator("marking", watch_namespaces=unserved.name):
        unserved.apply("contoso")
        unserved.settled("contoso")
        unserved.repair("contoso")
        assert names.SERVED_ANNOTATION not in tenant()["metadata"].get("annotations", {})
        told = json.dumps({"status": {"users": 3}})
        patch = ("--subresource=status", "--type=merge", f"--patch={told}")
        unserved.kubectl("patch", "scimtenant", "contoso", *patch)

        def is_marked() -> bool:
            annotations = tenant()["metadata"].get("annotations", {})
            return bool(annotations.get(names.SERVED_ANNOTATION) == "true")

        eventually(is_marked)
