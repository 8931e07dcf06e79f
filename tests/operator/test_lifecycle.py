"""A tenant from its first pass over repairs and rotations to its end, against a real API server."""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from scim_operator.api import names
from scim_operator.cli.cluster.client import Cluster
from scim_operator.cli.cluster.kubeconfig import Choice
from scim_operator.cli.cluster.tenant_secrets import read_token
from scim_operator.cli.cluster.tenants import read_tenant
from scim_operator.cli.errors import ClusterError

from tests.cluster import ControlPlane
from tests.operator.install import NAMESPACE
from tests.operator.world import Namespace, Object, Operator, eventually

STOP_S = 5.0
"""How long a stop may take on a machine that has other work."""

WORK = {
    "ConfigMap/contoso-scim-config",
    "Service/contoso-scim",
    "Deployment/contoso-scim",
    "NetworkPolicy/contoso-scim",
    "Secret/contoso-scim-access",
}
KEPT = {
    "Secret/contoso-scim-token",
    "Secret/contoso-scim-digests",
    "PersistentVolumeClaim/contoso-scim-data",
}


def sha256(token: str) -> str:
    """The digest that the service compares."""
    return hashlib.sha256(token.encode()).hexdigest()


def versions(namespace: Namespace) -> dict[str, str]:
    """Resource versions of a tenant and its objects."""
    found = namespace.objects("contoso") | {"tenant": namespace.get("scimtenant", "contoso")}
    return {name: body["metadata"]["resourceVersion"] for name, body in found.items()}


def still(namespace: Namespace, seconds: float = 1.5) -> dict[str, str]:
    """Wait until nothing is written any more."""

    def look() -> dict[str, str]:
        before = versions(namespace)
        time.sleep(seconds)
        return before if versions(namespace) == before else {}

    return eventually(look, 30)


def test_objects(namespace: Namespace) -> None:
    """A tenant gets the contract's objects, and a token whose digest is accepted."""
    namespace.apply("contoso")
    token = namespace.settled("contoso")
    found = namespace.objects("contoso")
    assert set(found) == WORK | KEPT
    assert list(namespace.digests("contoso")) == [sha256(token)]
    assert all(
        body["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "scim-operator"
        for body in found.values()
    )
    status = namespace.get("scimtenant", "contoso")["status"]
    assert status["tokenSecretName"] == "contoso-scim-token"
    assert status["tenantURL"].endswith(f"/{namespace.name}/contoso/scim")


def _edit(namespace: Namespace) -> None:
    namespace.kubectl("set", "image", "deployment/contoso-scim", "*=other:1")


def _delete(kind: str, name: str) -> Callable[[Namespace], None]:
    def delete(namespace: Namespace) -> None:
        namespace.kubectl("delete", kind, name)

    return delete


@pytest.mark.parametrize(
    ("damage", "name"),
    [
        (_edit, "Deployment/contoso-scim"),
        (_delete("service", "contoso-scim"), "Service/contoso-scim"),
        (_delete("secret", "contoso-scim-digests"), "Secret/contoso-scim-digests"),
        (_delete("secret", "contoso-scim-token"), "Secret/contoso-scim-token"),
    ],
    ids=["edited Deployment", "deleted Service", "deleted digests", "deleted token"],
)
def test_repair(namespace: Namespace, damage: Callable[[Namespace], None], name: str) -> None:
    """What somebody edits or deletes is back within ten seconds, and Entra's token stays good."""
    namespace.apply("contoso")
    token = namespace.settled("contoso")
    before = namespace.objects("contoso")[name]
    damage(namespace)

    def repaired() -> bool:
        now = namespace.objects("contoso").get(name, {})
        if name.startswith("Deployment/"):
            return bool(now["spec"] == before["spec"])
        return bool(now) and now["metadata"]["uid"] != before["metadata"]["uid"]

    eventually(repaired)
    assert namespace.token("contoso") == token
    assert list(namespace.digests("contoso")) == [sha256(token)]


def test_restart_writes_nothing(namespace: Namespace, operator: Operator) -> None:
    """An operator that starts anew finds everything as wanted and writes nothing at all."""
    namespace.apply("contoso", {"exposure": {"host": f"{namespace.name}.example.com"}})
    namespace.settled("contoso")
    # The control plane has no StorageClass, and the operator says so after a while.
    reason = "StorageClassMissing"
    eventually(lambda: namespace.condition("contoso", "Ready").get("reason") == reason, 30)
    before = still(namespace)
    assert operator.stop() == 0
    operator.start()
    # It is back at work once it has answered a new tenant.
    namespace.apply("fabrikam")
    namespace.settled("fabrikam")
    time.sleep(1.5)
    assert versions(namespace) == before


@pytest.mark.parametrize("pause", [0, 0.05, 0.1, 0.2, 0.4, 0.8])
def test_stop_while_starting(
    cluster: ControlPlane, admission: Namespace, tmp_path: Path, pause: float
) -> None:
    """An operator that is stopped at any time of its start ends at once and releases the Lease."""
    own = {"watch_namespaces": admission.name, "lease_name": admission.name}
    operator = Operator(cluster, tmp_path / "log", leader_elect="true", **own)
    operator.start()
    eventually(lambda: "serves" in operator.log(), 20)
    time.sleep(pause)
    began = time.monotonic()
    assert operator.stop() == 0, operator.log()
    assert time.monotonic() - began < STOP_S
    lease = cluster.kubectl(
        *("-n", NAMESPACE, "get", "lease", admission.name, "-o", "json", "--ignore-not-found")
    )
    assert not lease or not json.loads(lease)["spec"].get("holderIdentity")


def _deleted(namespace: Namespace) -> None:
    namespace.kubectl("delete", "scimtenant", "contoso")

    def collected() -> bool:
        return not WORK & set(namespace.objects("contoso"))

    # The garbage collector asks only every half minute which kinds there are.
    eventually(collected, 60)


def test_retain_and_return(namespace: Namespace) -> None:
    """Volume and token outlive the tenant, and a tenant of the same name goes on with them."""
    namespace.apply("contoso")
    token = namespace.settled("contoso")
    volume = namespace.get("pvc", "contoso-scim-data")["metadata"]["uid"]
    _deleted(namespace)
    assert set(namespace.objects("contoso")) == KEPT
    # Objects are older by whole seconds.
    time.sleep(1)

    namespace.apply("contoso")
    assert namespace.settled("contoso") == token
    assert list(namespace.digests("contoso")) == [sha256(token)]
    assert namespace.get("pvc", "contoso-scim-data")["metadata"]["uid"] == volume
    assert set(namespace.objects("contoso")) == WORK | KEPT
    # It is told: whoever made this tenant may not know of the other one.
    events = json.loads(namespace.kubectl("get", "events", "-o", "json"))["items"]
    (event,) = [each for each in events if each["reason"] == "DataTakenOver"]
    for name in ("Secret/contoso-scim-token", "Secret/contoso-scim-digests"):
        assert name in event["message"]
    message = namespace.condition("contoso", "TokenReady")["message"]
    assert "an earlier tenant of this name has left it" in message


def test_delete(namespace: Namespace) -> None:
    """Under Delete nothing is left of a tenant."""
    namespace.apply("contoso", {"deletionPolicy": "Delete"})
    namespace.settled("contoso")
    _deleted(namespace)
    eventually(lambda: not namespace.objects("contoso"), 30)


def test_policy_can_change(namespace: Namespace) -> None:
    """A tenant that is to be deleted with its data later takes ownership of it."""
    namespace.apply("contoso")
    namespace.settled("contoso")
    namespace.apply("contoso", {"deletionPolicy": "Delete"})

    def owned() -> bool:
        found = namespace.objects("contoso")
        return all("ownerReferences" in found[name]["metadata"] for name in KEPT)

    eventually(owned)
    namespace.apply("contoso", {"deletionPolicy": "Retain"})

    def free() -> bool:
        found = namespace.objects("contoso")
        return not any("ownerReferences" in found[name]["metadata"] for name in KEPT)

    eventually(free)


def test_paused(namespace: Namespace) -> None:
    """A paused tenant is left alone and says so; afterwards everything is made up for."""
    namespace.apply("contoso")
    namespace.settled("contoso")
    namespace.kubectl("annotate", "scimtenant", "contoso", "scim-operator.io/paused=true")
    eventually(lambda: namespace.condition("contoso", "Reconciling").get("reason") == "Paused")
    namespace.kubectl("delete", "service", "contoso-scim")
    time.sleep(2)
    assert not namespace.get("service", "contoso-scim")
    namespace.kubectl("annotate", "scimtenant", "contoso", "scim-operator.io/paused-")
    eventually(lambda: namespace.get("service", "contoso-scim"))
    eventually(lambda: namespace.condition("contoso", "Reconciling").get("reason") != "Paused")


def test_suspended(namespace: Namespace) -> None:
    """A suspended tenant runs no pod and keeps the rest; then it goes on with the same token."""
    namespace.apply("contoso")
    token = namespace.settled("contoso")
    eventually(lambda: namespace.pods("contoso"))
    namespace.apply("contoso", {"suspended": True})
    eventually(lambda: not namespace.pods("contoso"))
    eventually(lambda: namespace.condition("contoso", "Available").get("reason") == "Suspended")
    assert set(namespace.objects("contoso")) == WORK | KEPT
    namespace.apply("contoso", {"suspended": False})
    eventually(lambda: namespace.pods("contoso"))
    assert namespace.settled("contoso") == token
    assert list(namespace.digests("contoso")) == [sha256(token)]


def test_longest_name(namespace: Namespace) -> None:
    """A tenant whose name is as long as may be gets all objects, and a pod."""
    name = "a" * names.MAX_TENANT_NAME
    namespace.apply(name)
    token = namespace.settled(name)
    found = namespace.objects(name)
    assert set(found) == {each.replace("contoso", name) for each in WORK | KEPT}
    assert list(namespace.digests(name)) == [sha256(token)]
    eventually(lambda: namespace.pods(name))


@pytest.fixture
def storage_class(namespace: Namespace) -> Iterator[str]:
    """A StorageClass whose volumes cannot grow yet, with one volume."""
    name = f"{namespace.name}-class"
    storage_class = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": name},
        "provisioner": "example.com/none",
    }
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {
            "storageClassName": name,
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOnce"],
            "hostPath": {"path": "/nowhere"},
        },
    }
    listed = {"apiVersion": "v1", "kind": "List", "items": [storage_class, volume]}
    namespace.kubectl("apply", "-f", "-", stdin=json.dumps(listed))
    yield name
    # Its claim keeps it until both are gone.
    namespace.kubectl("delete", "--wait=false", f"storageclass/{name}", f"persistentvolume/{name}")


def test_volume_grows(namespace: Namespace, storage_class: str) -> None:
    """A larger size is asked of the volume's class; one that cannot is named until it can."""
    spec = {"storageClassName": storage_class, "size": "1Gi"}
    namespace.apply("contoso", {"database": {"sqlite": spec}})
    namespace.settled("contoso")

    def claim() -> Object:
        return namespace.get("pvc", "contoso-scim-data")

    # Only a volume that there is can grow.
    eventually(lambda: claim()["status"]["phase"] == "Bound", 20)
    namespace.apply("contoso", {"database": {"sqlite": spec | {"size": "2Gi"}}})
    reason = "VolumeCannotGrow"
    eventually(lambda: namespace.condition("contoso", "Stalled").get("reason") == reason)
    assert claim()["spec"]["resources"]["requests"]["storage"] == "1Gi"
    change = json.dumps({"allowVolumeExpansion": True})
    namespace.kubectl("patch", "storageclass", storage_class, f"--patch={change}")
    # A change of the spec is followed at once; without one it would be in half a minute.
    namespace.apply("contoso", {"database": {"sqlite": spec | {"size": "3Gi"}}})
    eventually(lambda: claim()["spec"]["resources"]["requests"]["storage"] == "3Gi")


@pytest.mark.parametrize(
    ("small", "large", "asked"),
    [("1e9", "2e9", "2e9"), ("1E9", "2000M", "2G"), ("1000000000000m", "1.5Gi", "1536Mi")],
)
def test_volume_grows_in_every_notation(
    namespace: Namespace, storage_class: str, small: str, large: str, asked: str
) -> None:
    """A size is compared as Kubernetes reads it, whatever suffix or exponent it is written with."""
    change = json.dumps({"allowVolumeExpansion": True})
    namespace.kubectl("patch", "storageclass", storage_class, f"--patch={change}")
    spec = {"storageClassName": storage_class, "size": small}
    namespace.apply("contoso", {"database": {"sqlite": spec}})
    namespace.settled("contoso")

    def claim() -> Object:
        return namespace.get("pvc", "contoso-scim-data")

    eventually(lambda: claim()["status"]["phase"] == "Bound", 20)
    namespace.apply("contoso", {"database": {"sqlite": spec | {"size": large}}})
    eventually(lambda: claim()["spec"]["resources"]["requests"]["storage"] == asked)


def write_token(namespace: Namespace, token: str, **labels: str) -> str:
    """Write the owner's Secret; return the digest of its token."""
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        # Without the tenant's label a change is seen within a minute.
        "metadata": {"name": "mine", "labels": {names.TENANT_LABEL: "contoso"} | labels},
        "stringData": {"secretToken": token},
    }
    namespace.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(secret))
    return sha256(token)


@pytest.mark.finding(24, 25)
def test_existing_secret(namespace: Namespace) -> None:
    """A strong token of the owner's is accepted, and another one beside it; it is only read."""
    namespace.apply("contoso", {"token": {"existingSecret": "mine"}})

    def told(reason: str) -> bool:
        return bool(namespace.condition("contoso", "TokenReady").get("reason") == reason)

    eventually(lambda: told("SecretMissing"))
    write_token(namespace, "Contoso-Summer-2026!")
    eventually(lambda: told("TokenTooWeak"))
    assert not namespace.digests("contoso")

    first = write_token(namespace, secrets.token_hex(32))
    eventually(lambda: list(namespace.digests("contoso")) == [first])
    (entry,) = namespace.digests("contoso").values()
    assert not first.startswith(entry["id"])
    second = write_token(namespace, secrets.token_hex(32))
    eventually(lambda: list(namespace.digests("contoso")) == [first, second])
    namespace.kubectl("annotate", "scimtenant", "contoso", "scim-operator.io/revoke-tokens=1")
    eventually(lambda: list(namespace.digests("contoso")) == [second])
    assert not namespace.get("secret", "contoso-scim-token")
    managers = {
        entry["manager"]
        for entry in json.loads(
            namespace.kubectl("get", "secret", "mine", "-o", "json", "--show-managed-fields")
        )["metadata"]["managedFields"]
    }
    assert managers == {"kubectl"}


@pytest.mark.finding("S3")
def test_token_of_another_tenant(cluster: ControlPlane, namespace: Namespace) -> None:
    """A tenant that names another one's Secret gets none of its tokens, nor does its host."""
    namespace.apply("contoso")
    token = namespace.settled("contoso")
    for kind in ("token", "access", "digests"):
        name = f"thief-{kind}"
        spec = {"existingSecret": f"contoso-scim-{kind}"}
        namespace.apply(name, {"token": spec, "exposure": {"host": f"{name}.example.com"}})
        eventually(
            lambda: namespace.condition(name, "TokenReady").get("reason") == "ForeignSecret"  # noqa: B023
        )
        assert sha256(token) not in namespace.digests(name)
        choice = Choice(str(cluster.kubeconfig), namespace=namespace.name)
        with (
            closing(Cluster.connect(choice)) as plugin,
            pytest.raises(ClusterError, match="another tenant's"),
        ):
            read_token(plugin, read_tenant(plugin, name))


def test_one_url(namespace: Namespace) -> None:
    """Of two tenants with one URL the younger is not exposed, and names the other."""
    spec: Object = {
        "exposure": {"host": f"{namespace.name}.example.com", "path": "/scim", "ingress": {}}
    }
    namespace.apply("older", spec)
    namespace.settled("older")
    namespace.apply("younger", spec)
    namespace.settled("younger")
    found = namespace.condition("younger", "Exposed")
    assert (found["status"], found["reason"]) == ("False", "URLConflict")
    assert f"{namespace.name}/older" in found["message"]
    assert namespace.condition("older", "Exposed")["status"] == "True"
    assert namespace.get("ingress", "older-scim")
    assert not namespace.get("ingress", "younger-scim")

    namespace.kubectl("delete", "scimtenant", "older")
    eventually(lambda: namespace.get("ingress", "younger-scim"))


def test_missing_storage_class(namespace: Namespace) -> None:
    """A volume that waits for ever is named in Ready, with what it waits for."""
    namespace.apply("contoso", {"database": {"sqlite": {"storageClassName": "fast"}}})

    def named() -> Object:
        found = namespace.condition("contoso", "Ready")
        return found if found.get("reason") == "StorageClassMissing" else {}

    found = eventually(named, 20)
    assert found["status"] == "False"
    assert "there is no StorageClass fast" in found["message"]


def test_rotation(namespace: Namespace) -> None:
    """The annotation gives a new token, and the old one stays accepted without an end."""
    namespace.apply("contoso")
    old = namespace.settled("contoso")
    namespace.kubectl("annotate", "scimtenant", "contoso", "scim-operator.io/rotate-token=1")
    eventually(lambda: namespace.token("contoso") != old)
    new = namespace.token("contoso")
    eventually(lambda: list(namespace.digests("contoso")) == [sha256(old), sha256(new)])
    assert namespace.digests("contoso")[sha256(old)]["notAfter"] is None
    reason = "WaitingForUse"
    eventually(lambda: namespace.condition("contoso", "TokenReady").get("reason") == reason)
    assert namespace.token("contoso") == new


def test_revocation(namespace: Namespace) -> None:
    """After a leak every earlier token is refused at once."""
    namespace.apply("contoso")
    old = namespace.settled("contoso")
    namespace.kubectl("annotate", "scimtenant", "contoso", "scim-operator.io/revoke-tokens=1")

    def revoked() -> bool:
        digests = namespace.digests("contoso")
        return len(digests) == 1 and sha256(old) not in digests

    eventually(revoked)
    assert list(namespace.digests("contoso")) == [sha256(namespace.token("contoso"))]


def test_no_token_in_the_log(namespace: Namespace, operator: Operator) -> None:
    """At its most talkative the operator writes no token, neither an old nor a new one."""
    namespace.apply("contoso")
    old = namespace.settled("contoso")
    namespace.kubectl("annotate", "scimtenant", "contoso", "scim-operator.io/rotate-token=1")
    eventually(lambda: namespace.token("contoso") != old)
    log = operator.log()
    assert log
    assert "scim_" + old[5:12] not in log
    assert old not in log
    assert namespace.token("contoso") not in log
