"""Objects that others put in a tenant's way, against a real API server."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from scim_operator.api import names

from tests.cluster import ControlPlane
from tests.operator.install import NAMESPACE, Installation
from tests.operator.proxy import Proxy
from tests.operator.world import COLLECTION_S, Namespace, Object, Operator, eventually

LABELS = {names.TENANT_LABEL: "contoso", "app.kubernetes.io/managed-by": "scim-operator"}
KEY = "scim-operator-key"
PLANTED = "scim_0123456789abcdefghijABCDEFGHIJ0123456789abcdefghi"
EXPOSED: Object = {"ingress": {}}
NAMES_OF = {
    "ConfigMap": "contoso-scim-config",
    "Secret": "contoso-scim-digests",
    "PersistentVolumeClaim": "contoso-scim-data",
    "Service": "contoso-scim",
    "NetworkPolicy": "contoso-scim",
    "Deployment": "contoso-scim",
    "Ingress": "contoso-scim",
    "PodDisruptionBudget": "contoso-scim",
}


def sha256(token: str) -> str:
    """The digest that the service compares."""
    return hashlib.sha256(token.encode()).hexdigest()


def encoded(text: str) -> str:
    """A value of a Secret."""
    return base64.b64encode(text.encode()).decode()


def digests(*planted: str) -> Object:
    """The data of a digests Secret."""
    found = [
        {"id": sha256(token)[:8], "sha256": sha256(token), "createdAt": "2026-01-01T00:00:00Z"}
        for token in planted
    ]
    return {"tokens.json": encoded(json.dumps({"tokens": found}))}


def place(namespace: Namespace, kind: str, name: str, /, **more: Object) -> Object:
    """Create an object, with no more rights than to create."""
    metadata = {"name": name} | more.pop("metadata", {})
    versions = {
        "Deployment": "apps/v1",
        "NetworkPolicy": "networking.k8s.io/v1",
        "Ingress": "networking.k8s.io/v1",
        "PodDisruptionBudget": "policy/v1",
    }
    made = {"apiVersion": versions.get(kind, "v1"), "kind": kind, "metadata": metadata} | more
    namespace.kubectl("create", "-f", "-", stdin=json.dumps(made))
    return namespace.get(kind, name)


def contents(namespace: Namespace, kind: str, name: str) -> Object:
    """What of an object people see or lose."""
    found = namespace.get(kind, name)
    kept = {key: found.get(key) for key in ("data", "spec")}
    return kept | {key: found["metadata"].get(key) for key in ("uid", "labels", "ownerReferences")}


def stalled(namespace: Namespace, reason: str = "ForeignOwner") -> str:
    """Wait until the tenant is stalled for a reason; return its message."""

    def seen() -> str:
        found = namespace.condition("contoso", "Stalled")
        is_it = (found.get("status"), found.get("reason")) == ("True", reason)
        return str(found["message"]) if is_it else ""

    return eventually(seen, 20)


def warned(namespace: Namespace, reason: str) -> Object:
    """Wait for an event."""

    def seen() -> Object:
        listed = json.loads(namespace.kubectl("get", "events", "-o", "json"))["items"]
        found: Object = next((event for event in listed if event["reason"] == reason), {})
        return found

    return eventually(seen)


SPECS: dict[str, Object] = {
    "PersistentVolumeClaim": {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
    },
    "Service": {"ports": [{"port": 80}], "selector": {"app": "other"}},
    "NetworkPolicy": {"podSelector": {"matchLabels": {"app": "other"}}},
    "PodDisruptionBudget": {"selector": {"matchLabels": {"app": "other"}}, "minAvailable": 1},
    "Ingress": {"defaultBackend": {"service": {"name": "other", "port": {"number": 80}}}},
    "Deployment": {
        "replicas": 0,
        "selector": {"matchLabels": {"app": "other"}},
        "template": {
            "metadata": {"labels": {"app": "other"}},
            "spec": {"containers": [{"name": "other", "image": "other"}]},
        },
    },
}


def spec_of(namespace: Namespace) -> Object:
    """A tenant that wants an object of every kind."""
    return {
        "deletionPolicy": "Delete",
        "exposure": EXPOSED | {"host": f"{namespace.name}.example.com"},
    }


@pytest.mark.finding(6)
@pytest.mark.parametrize("is_labelled", [False, True], ids=["as found", "with our labels"])
@pytest.mark.parametrize("kind", [kind for kind in NAMES_OF if kind != "PodDisruptionBudget"])
def test_nothing_taken_over(namespace: Namespace, kind: str, is_labelled: bool) -> None:
    """What was there before stays as it is, is named, and outlives the tenant, of every kind."""
    more: Object = {"spec": SPECS[kind]} if kind in SPECS else {"data": {}}
    if is_labelled:
        more["metadata"] = {"labels": LABELS}
    place(namespace, kind, NAMES_OF[kind], **more)
    before = contents(namespace, kind, NAMES_OF[kind])
    namespace.apply("contoso", spec_of(namespace))
    message = stalled(namespace)
    assert f"the {kind} {NAMES_OF[kind]}" in message
    assert before["uid"] in message
    assert contents(namespace, kind, NAMES_OF[kind]) == before
    if kind in ("ConfigMap", "Secret", "PersistentVolumeClaim", "NetworkPolicy"):
        assert not namespace.get("deployment", "contoso-scim")
    namespace.kubectl("delete", "scimtenant", "contoso")
    others = [f"{each}/{name}" for each, name in NAMES_OF.items() if each != kind]
    eventually(lambda: not set(others) & set(namespace.objects("contoso")), 90)
    assert contents(namespace, kind, NAMES_OF[kind]) == before


@pytest.mark.finding(6)
def test_the_attack_on_data(namespace: Namespace) -> None:
    """Three objects of somebody's, in one: a tenant that is deleted takes none of them along."""
    names_of = ("Secret", "ConfigMap", "PersistentVolumeClaim")
    for kind in names_of:
        more: Object = {"spec": SPECS[kind]} if kind in SPECS else {"data": {}}
        place(namespace, kind, NAMES_OF[kind], **more)
    before = [contents(namespace, kind, NAMES_OF[kind]) for kind in names_of]
    namespace.apply("contoso", {"deletionPolicy": "Delete"})
    stalled(namespace)
    namespace.kubectl("delete", "scimtenant", "contoso")
    eventually(lambda: not namespace.get("secret", "contoso-scim-token"), COLLECTION_S)
    assert [contents(namespace, kind, NAMES_OF[kind]) for kind in names_of] == before


@pytest.mark.finding(7)
def test_planted_secrets(namespace: Namespace) -> None:
    """A token and digests that were planted before the tenant are accepted by nothing."""
    labelled: Object = {"labels": LABELS}
    data = {"secretToken": encoded(PLANTED), "tenantUrl": encoded("https://example.com")}
    place(namespace, "Secret", "contoso-scim-token", data=data, metadata=labelled)
    place(namespace, "Secret", "contoso-scim-digests", data=digests("other"), metadata=labelled)
    namespace.apply("contoso")
    stalled(namespace)
    namespace.kubectl("delete", "secret", "contoso-scim-digests")

    def noticed() -> bool:
        message: str = namespace.condition("contoso", "TokenReady").get("message", "")
        return message.startswith("the Secret contoso-scim-token")

    eventually(noticed)
    assert namespace.condition("contoso", "TokenReady")["status"] == "False"
    assert not namespace.digests("contoso")
    assert not namespace.get("deployment", "contoso-scim")
    namespace.kubectl("delete", "secret", "contoso-scim-token")
    token = namespace.settled("contoso")
    assert list(namespace.digests("contoso")) == [sha256(token)]
    assert token != PLANTED


@pytest.mark.finding(7)
def test_planted_in_place_of_a_lost_one(namespace: Namespace) -> None:
    """Who gives an object to a living tenant, by its uid, has not given it a credential."""
    namespace.apply("contoso", {"token": {"existingSecret": "mine"}})
    eventually(lambda: namespace.condition("contoso", "TokenReady"))
    uid = namespace.get("scimtenant", "contoso")["metadata"]["uid"]
    owner = {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "name": "contoso",
        "uid": uid,
        "controller": True,
    }
    given: Object = {"labels": LABELS, "ownerReferences": [owner]}
    place(
        namespace,
        *("Secret", "contoso-scim-token"),
        data={"secretToken": encoded(PLANTED)},
        metadata=given,
    )
    namespace.apply("contoso", {"deletionPolicy": "Retain"})
    namespace.kubectl(
        *("patch", "scimtenant", "contoso", "--type=json", "-p"),
        '[{"op": "remove", "path": "/spec/token"}]',
    )
    stalled(namespace)
    assert not namespace.digests("contoso")


@pytest.mark.finding(7)
def test_digest_written_into_the_living(namespace: Namespace) -> None:
    """A digest that is written beside Entra's is gone at once, and an event warns of it."""
    namespace.apply("contoso")
    token = namespace.settled("contoso")
    before = namespace.digests("contoso")
    eventually(lambda: namespace.get("scimtenant", "contoso")["status"].get("sealedBy"))
    entry = {"id": "planted", "sha256": sha256(PLANTED), "createdAt": "2026-01-01T00:00:00Z"}
    text = json.dumps({"tokens": [*before.values(), entry]})
    patch = json.dumps({"data": {"tokens.json": encoded(text)}})
    namespace.kubectl("patch", "secret", "contoso-scim-digests", "--patch", patch)
    assert warned(namespace, "ForeignDigestRemoved")["type"] == "Warning"
    eventually(lambda: list(namespace.digests("contoso")) == [sha256(token)])
    assert namespace.digests("contoso") == before
    assert namespace.token("contoso") == token


@pytest.mark.finding(7)
def test_token_written_into_the_living(namespace: Namespace) -> None:
    """A token that is written in the place of Entra's is not accepted; Entra's goes on."""
    namespace.apply("contoso")
    token = namespace.settled("contoso")
    eventually(lambda: namespace.get("scimtenant", "contoso")["status"].get("sealedBy"))
    patch = json.dumps({"data": {"secretToken": encoded(PLANTED)}})
    namespace.kubectl("patch", "secret", "contoso-scim-token", "--patch", patch)
    assert warned(namespace, "ForeignToken")["type"] == "Warning"
    eventually(lambda: namespace.token("contoso") not in (PLANTED, token))
    new = namespace.token("contoso")
    eventually(lambda: list(namespace.digests("contoso")) == [sha256(token), sha256(new)])


@pytest.mark.finding(6, 7)
def test_adoption(namespace: Namespace) -> None:
    """People let a tenant have what was there before, by consent on both sides, once."""
    labelled: Object = {"labels": LABELS}
    data = {"secretToken": encoded(PLANTED)}
    token = place(namespace, "Secret", "contoso-scim-token", data=data, metadata=labelled)
    spec = SPECS["PersistentVolumeClaim"]
    volume = place(namespace, "PersistentVolumeClaim", "contoso-scim-data", spec=spec)
    uids = ",".join(each["metadata"]["uid"] for each in (token, volume))
    namespace.apply("contoso")
    stalled(namespace)
    namespace.kubectl("annotate", "scimtenant", "contoso", f"{names.ADOPT_ANNOTATION}={uids}")
    for each in ("secret/contoso-scim-token", "pvc/contoso-scim-data"):
        assert namespace.token("contoso") == PLANTED
        namespace.kubectl("annotate", each, f"{names.ADOPT_BY_ANNOTATION}=contoso")
    # Of an object without the label nothing tells: it is tried again every 20 seconds.
    namespace.settle(["contoso"], 60)
    assert namespace.token("contoso") == PLANTED
    eventually(lambda: list(namespace.digests("contoso")) == [sha256(PLANTED)])
    warned(namespace, "ObjectAdopted")

    def is_own() -> bool:
        found = namespace.get("scimtenant", "contoso")["status"].get("objects", {})
        return set(uids.split(",")) <= set(found.values())

    eventually(is_own, 30)
    # Consent is to that object: the next one of its name needs its own.
    namespace.kubectl("annotate", "secret", "contoso-scim-token", f"{names.ADOPT_BY_ANNOTATION}-")
    assert namespace.condition("contoso", "TokenReady")["status"] == "True"


@pytest.mark.finding(6, 7)
def test_label_and_owner_taken_away(namespace: Namespace) -> None:
    """What is the tenant's stays so without its label, its owner and its seal."""
    namespace.apply("contoso", spec_of(namespace))
    token = namespace.settled("contoso")
    eventually(lambda: len(namespace.get("scimtenant", "contoso")["status"]["objects"]) == 9)
    before = namespace.objects("contoso")
    for path in before:
        kind, name = path.split("/")
        operations = [{"op": "remove", "path": "/metadata/ownerReferences"}]
        namespace.kubectl("patch", kind, name, "--type=json", "-p", json.dumps(operations))
        namespace.kubectl("label", kind, name, f"{names.TENANT_LABEL}-")
        namespace.kubectl("annotate", kind, name, f"{names.SEAL_ANNOTATION}-")

    def repaired() -> bool:
        found = namespace.objects("contoso")
        return found.keys() == before.keys() and all(
            body["metadata"].get("ownerReferences")
            and body["metadata"]["uid"] == before[path]["metadata"]["uid"]
            for path, body in found.items()
        )

    eventually(repaired, 30)
    assert namespace.token("contoso") == token
    assert list(namespace.digests("contoso")) == [sha256(token)]


@pytest.mark.finding(6, 7)
def test_label_and_seal_taken_away_while_no_operator_runs(
    installation: Installation, unserved: Namespace
) -> None:
    """The token stays the same also where its Secret and that of the digests are both stripped."""
    with installation.operator("before", watch_namespaces=unserved.name):
        unserved.apply("contoso", {"deletionPolicy": "Retain"})
        token = unserved.settled("contoso")
        eventually(lambda: unserved.get("scimtenant", "contoso")["status"].get("objects"))
    for secret in ("contoso-scim-token", "contoso-scim-digests"):
        unserved.kubectl("label", "secret", secret, f"{names.TENANT_LABEL}-")
        unserved.kubectl("annotate", "secret", secret, f"{names.SEAL_ANNOTATION}-")
    with installation.operator("after", watch_namespaces=unserved.name):
        eventually(
            lambda: (
                {"Secret/contoso-scim-token", "Secret/contoso-scim-digests"}
                <= unserved.objects("contoso").keys()
            ),
            30,
        )
        unserved.repair("contoso")
    assert unserved.token("contoso") == token
    assert list(unserved.digests("contoso")) == [sha256(token)]


@pytest.fixture
def proxy(
    fragile: ControlPlane, installation: Installation, unserved: Namespace
) -> Iterator[tuple[Operator, Proxy]]:
    """An operator of one namespace, and what is between it and the API server."""
    key = ("-n", NAMESPACE, "get", "secret", KEY, "--ignore-not-found", "-o", "json")
    with installation.operator(unserved.name, watch_namespaces=unserved.name) as found:
        before = json.loads(eventually(lambda: fragile.kubectl(*key), 20))
        yield found
    # What other tests have left is sealed with the key that was there before.
    kept = {"name": KEY, "namespace": NAMESPACE, "labels": before["metadata"]["labels"]}
    fragile.kubectl("-n", NAMESPACE, "delete", "secret", KEY)
    fragile.kubectl("create", "-f", "-", stdin=json.dumps(before | {"metadata": kept}))
    unserved.kubectl("delete", "namespace", unserved.name)


def _restored(namespace: Namespace, found: dict[str, Object]) -> None:
    """Create objects as a backup tool does: as they were, but for their identity."""
    for body in found.values():
        metadata = {
            key: body["metadata"][key]
            for key in ("name", "namespace", "labels", "annotations")
            if key in body["metadata"]
        }
        body = body | {"metadata": metadata}
        body.pop("status", None)
        body.get("spec", {}).pop("volumeName", None)
        namespace.kubectl("create", "-f", "-", stdin=json.dumps(body))


@pytest.mark.finding(6, 7)
def test_restored_from_a_backup(namespace: Namespace) -> None:
    """What the operator has sealed is the tenant's also with another uid, in its namespace."""
    namespace.apply("contoso")
    token = namespace.settled("contoso")
    found = namespace.objects("contoso")
    kept = {
        path: found[path]
        for path in (
            "Secret/contoso-scim-token",
            "Secret/contoso-scim-digests",
            "PersistentVolumeClaim/contoso-scim-data",
        )
    }
    namespace.kubectl("delete", "scimtenant", "contoso")
    eventually(lambda: set(namespace.objects("contoso")) == set(kept), COLLECTION_S)
    for path in kept:
        kind, name = path.split("/")
        namespace.kubectl("delete", kind, name)
    eventually(lambda: not namespace.objects("contoso"), COLLECTION_S)
    _restored(namespace, kept)
    namespace.apply("contoso")
    assert namespace.settled("contoso") == token
    assert list(namespace.digests("contoso")) == [sha256(token)]
    eventually(lambda: namespace.condition("contoso", "TokenReady").get("status") == "True")


def writes(proxy: Proxy, namespace: Namespace) -> dict[str, int]:
    """How often each object of the namespace was written."""
    return {
        path: count
        for path, count in proxy.written().items()
        if f"/namespaces/{namespace.name}/" in path
    }


@pytest.mark.finding(7)
def test_key_lost(
    fragile: ControlPlane,
    unserved: Namespace,
    proxy: tuple[Operator, Proxy],
) -> None:
    """Without its key the operator makes another; no token, digest or pod of the living changes."""
    operator, _ = proxy
    unserved.apply("contoso")
    unserved.settled("contoso")
    unserved.kubectl("annotate", "scimtenant", "contoso", f"{names.ROTATE_ANNOTATION}=1")
    eventually(lambda: len(unserved.digests("contoso")) == 2)
    eventually(lambda: len(unserved.get("scimtenant", "contoso")["status"]["tokens"]) == 2)
    # A rotated token that nobody has pasted yet: Entra sends the older one.
    token, accepted, access = (
        unserved.token("contoso"),
        unserved.digests("contoso"),
        unserved.digests("contoso", "access.json"),
    )
    sealed_by = unserved.get("scimtenant", "contoso")["status"]["sealedBy"]
    pods = unserved.get("deployment", "contoso-scim")["metadata"]["generation"]
    assert operator.stop() == 0
    fragile.kubectl("-n", NAMESPACE, "delete", "secret", KEY)
    operator.start()

    def sealed_anew() -> bool:
        found = unserved.get("scimtenant", "contoso")["status"]["sealedBy"]
        return bool(found != sealed_by)

    eventually(sealed_anew, 20)
    assert fragile.kubectl("-n", NAMESPACE, "get", "secret", KEY)
    assert unserved.token("contoso") == token
    assert unserved.digests("contoso") == accepted
    assert unserved.digests("contoso", "access.json") == access
    assert unserved.get("deployment", "contoso-scim")["metadata"]["generation"] == pods
    warned(unserved, "SealedAnew")
    assert unserved.condition("contoso", "Stalled").get("reason") != "ForeignOwner"
    assert operator.stop() == 0


@pytest.mark.finding(6, 7)
def test_upgrade(unserved: Namespace, proxy: tuple[Operator, Proxy]) -> None:
    """A tenant that was served by a version without seals is taken on as it is."""
    operator, _ = proxy
    unserved.apply("contoso")
    token = unserved.settled("contoso")
    eventually(lambda: unserved.get("scimtenant", "contoso")["status"].get("sealedBy"))
    before = unserved.digests("contoso")
    volume = unserved.get("pvc", "contoso-scim-data")["metadata"]["uid"]
    assert operator.stop() == 0
    # As that version left it.
    unserved.kubectl("delete", "secret", "contoso-scim-access")
    for each in (
        "secret/contoso-scim-token",
        "secret/contoso-scim-digests",
        "pvc/contoso-scim-data",
    ):
        unserved.kubectl("annotate", each, f"{names.SEAL_ANNOTATION}-")
    patch = [{"op": "remove", "path": f"/status/{part}"} for part in ("sealedBy", "objects")]
    patch += [{"op": "remove", "path": "/status/tokens/0/seal"}]
    unserved.kubectl(
        *("patch", "scimtenant", "contoso", "--subresource=status", "--type=json", "-p"),
        json.dumps(patch),
    )
    operator.start()
    eventually(lambda: unserved.get("scimtenant", "contoso")["status"].get("sealedBy"), 20)
    assert unserved.token("contoso") == token
    assert unserved.digests("contoso") == before
    assert unserved.get("pvc", "contoso-scim-data")["metadata"]["uid"] == volume
    assert unserved.condition("contoso", "TokenReady")["status"] == "True"
    assert operator.stop() == 0


@pytest.mark.finding(7)
def test_digests_planted_while_no_operator_runs(
    unserved: Namespace, proxy: tuple[Operator, Proxy]
) -> None:
    """No pod goes on with digests that are in the place of the tenant's own."""
    operator, _ = proxy
    unserved.apply("contoso")
    unserved.settled("contoso")
    eventually(lambda: unserved.pods("contoso"))
    assert operator.stop() == 0
    unserved.kubectl("delete", "secret", "contoso-scim-digests")
    place(
        unserved,
        "Secret",
        "contoso-scim-digests",
        data=digests(PLANTED),
        metadata={"labels": LABELS},
    )
    operator.start()
    stalled(unserved)
    eventually(lambda: not unserved.pods("contoso"))
    assert list(unserved.digests("contoso")) == [sha256(PLANTED)]
    unserved.kubectl("delete", "secret", "contoso-scim-digests")
    eventually(lambda: unserved.pods("contoso"), 30)
    assert list(unserved.digests("contoso")) == [sha256(unserved.token("contoso"))]
    assert operator.stop() == 0


@pytest.mark.finding(6)
def test_what_is_no_longer_wanted_goes(namespace: Namespace) -> None:
    """A field that was in an object's first write is removed once nobody wants it."""
    namespace.apply("contoso", {"nodeSelector": {"kubernetes.io/os": "linux", "disk": "fast"}})
    namespace.settled("contoso")
    namespace.apply("contoso", {"nodeSelector": {"kubernetes.io/os": "linux"}})

    def seen() -> Object:
        pod = namespace.get("deployment", "contoso-scim")["spec"]["template"]["spec"]
        found: Object = pod["nodeSelector"]
        return found

    eventually(lambda: seen() == {"kubernetes.io/os": "linux"})


@pytest.mark.finding(6)
def test_requests_of_a_new_tenant(unserved: Namespace, proxy: tuple[Operator, Proxy]) -> None:
    """A new tenant costs one write for each object, and no look at what is there."""
    operator, between = proxy
    unserved.apply("fabrikam")
    unserved.settled("fabrikam")
    seen = len(between.calls)
    unserved.apply("contoso")
    unserved.settled("contoso")
    found = unserved.objects("contoso")
    calls = [
        call
        for call in between.calls[seen:]
        if "contoso" in call.path and call.child and not call.watch
    ]
    assert len(calls) == len(found)
    assert {call.method for call in calls} == {"PATCH"}
    assert set(writes(between, unserved).values()) == {1}
    assert operator.stop() == 0


def test_unusable_key(fragile: ControlPlane, unserved: Namespace, tmp_path: Path) -> None:
    """A key that is none is told with what to do, and waited for; nothing is written without it."""
    name = f"{unserved.name}-key"
    body = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name},
        "data": {"key": "eA=="},
    }
    fragile.kubectl("-n", NAMESPACE, "create", "-f", "-", stdin=json.dumps(body))
    own = {"watch_namespaces": unserved.name, "lease_name": unserved.name, "key_secret": name}
    operator = Operator(fragile, tmp_path / "log", **own)
    operator.start()
    unserved.apply("contoso")
    eventually(lambda: "has no key of 32 bytes: restore it" in operator.log(), 20)
    assert not unserved.objects("contoso")
    fragile.kubectl("-n", NAMESPACE, "delete", "secret", name)
    unserved.settled("contoso")
    assert operator.stop() == 0
    # It is sealed with a key that no other operator has.
    unserved.kubectl("delete", "namespace", unserved.name)


@pytest.mark.finding(6, 7)
def test_key_lost_and_tenant_deleted(
    fragile: ControlPlane, unserved: Namespace, proxy: tuple[Operator, Proxy]
) -> None:
    """With its key the operator knows again what a tenant has left; without it people consent."""
    operator, _ = proxy
    unserved.apply("contoso")
    token = unserved.settled("contoso")
    kept = ["secret/contoso-scim-token", "secret/contoso-scim-digests", "pvc/contoso-scim-data"]
    unserved.kubectl("delete", "scimtenant", "contoso")
    eventually(lambda: len(unserved.objects("contoso")) == len(kept), 90)
    # As an uninstall and another installation.
    assert operator.stop() == 0
    operator.start()
    unserved.apply("contoso")
    assert unserved.settled("contoso") == token

    unserved.kubectl("delete", "scimtenant", "contoso")
    eventually(lambda: len(unserved.objects("contoso")) == len(kept), 90)
    assert operator.stop() == 0
    fragile.kubectl("-n", NAMESPACE, "delete", "secret", KEY)
    operator.start()
    unserved.apply("contoso")
    stalled(unserved)
    assert unserved.token("contoso") == token
    for each in kept:
        unserved.kubectl("annotate", each, f"{names.ADOPT_BY_ANNOTATION}=contoso")
    uids = unserved.kubectl("get", *kept, "-o", "jsonpath={.items[*].metadata.uid}")
    consent = f"{names.ADOPT_ANNOTATION}={uids.replace(' ', ',')}"
    unserved.kubectl("annotate", "scimtenant", "contoso", consent)
    unserved.settle(["contoso"], 60)
    assert unserved.token("contoso") == token
    assert list(unserved.digests("contoso")) == [sha256(token)]
    assert operator.stop() == 0


@pytest.mark.finding("S4")
def test_pod_with_the_tenants_labels(namespace: Namespace) -> None:
    """A pod that would get Entra's requests and is not the tenant's is warned of, until it goes."""
    namespace.apply("contoso")
    namespace.settled("contoso")
    pod = {"containers": [{"name": "a", "image": "a"}]}
    labels = names.selector("contoso")
    place(namespace, "Pod", "intruder", spec=pod, metadata={"labels": labels})
    namespace.run("intruder", "127.0.0.77")
    assert "the pod intruder has the tenant's labels" in stalled(namespace, "ForeignPod")
    assert warned(namespace, "ForeignPod")["type"] == "Warning"
    namespace.kubectl("delete", "pod", "intruder", "--force", "--grace-period=0")
    eventually(lambda: namespace.condition("contoso", "Available").get("reason") != "ForeignPod")
