"""Objects that admission rules of the cluster write otherwise, against a real API server."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from scim_operator.api import names

from tests.cluster import ControlPlane
from tests.operator.admission_rules import (
    MIRROR,
    MIRRORED,
    ON_DEPLOYMENTS,
    ON_OTHERS,
    admission_rules,
)
from tests.operator.install import IMAGE
from tests.operator.world import Namespace, Object, Operator, eventually

TENANTS = ["before", "after"]
TOLD = ("DriftKept", "DriftRepaired", "FieldConflict")
RULED = [
    f"{kind} {tenant}-scim{suffix}"
    for tenant in TENANTS
    for kind, suffix in (
        ("Deployment", ""),
        ("Service", ""),
        ("NetworkPolicy", ""),
        ("PersistentVolumeClaim", "-data"),
        ("ConfigMap", "-config"),
    )
]
EMPTY_PARTS = [
    {"namespaceSelector": {"matchLabels": {}, "matchExpressions": []}, "podSelector": {}},
    {"ipBlock": {"cidr": "10.0.0.0/8", "except": []}},
]
EXPONENTS = {
    "requests": {"cpu": "25e-3", "memory": "1e8"},
    "limits": {"cpu": "1e0", "memory": "2.56e8", "ephemeral-storage": "5E8"},
}


@contextmanager
def running(cluster: ControlPlane, folder: Path, **settings: str) -> Iterator[Operator]:
    """Run an operator with rights to everything: the chart's own policy is not the subject."""
    operator = Operator(cluster, folder / "log", **settings)
    operator.start()
    try:
        yield operator
    finally:
        operator.kill()


def versions(namespace: Namespace) -> dict[str, str]:
    """The versions of all that the operator writes for the tenants, their status included."""
    found = {
        f"{tenant}/{name}": body["metadata"]["resourceVersion"]
        for tenant in TENANTS
        for name, body in namespace.objects(tenant).items()
    }
    listed = json.loads(namespace.kubectl("get", "scimtenants", "-o", "json"))["items"]
    return found | {each["metadata"]["name"]: json.dumps(each["status"]) for each in listed}


def generations(namespace: Namespace) -> dict[str, int]:
    """How often the Deployments and what else counts its changes were changed."""
    return {
        f"{tenant}/{name}": body["metadata"]["generation"]
        for tenant in TENANTS
        for name, body in namespace.objects(tenant).items()
        if "generation" in body["metadata"]
    }


def events(namespace: Namespace, *reasons: str) -> list[str]:
    """The messages of the events with one of the reasons."""
    listed = json.loads(namespace.kubectl("get", "events", "-o", "json"))["items"]
    return sorted(each["message"] for each in listed if each["reason"] in reasons)


def at_rest(namespace: Namespace) -> dict[str, str]:
    """Wait until nothing is written any more; return the versions."""

    def still() -> dict[str, str]:
        before = versions(namespace)
        time.sleep(1.5)
        return before if versions(namespace) == before else {}

    return eventually(still, 30)


def untold(namespace: Namespace) -> list[str]:
    """The objects that no event has told of; another client writes those, through the rules."""
    said = events(namespace, "DriftKept")
    found = [name for name in RULED if not any(f" {name} keeps " in text for text in said)]
    for name in found:
        kind, _, name = name.partition(" ")
        annotation = f"example.com/of-others={time.monotonic()}"
        namespace.kubectl("annotate", "--overwrite", kind.lower(), name, annotation)
    return found


def serve(namespace: Namespace) -> None:
    """Have the tenants' newest pods run."""
    for tenant in TENANTS:
        for pod in namespace.pods(tenant):
            if "podIP" not in pod["status"]:
                namespace.run(pod["metadata"]["name"], "127.0.0.1")


def look(namespace: Namespace, text: str) -> None:
    """Have each tenant looked at, by a consent to objects that are not there."""
    namespace.kubectl(
        "annotate", "--overwrite", "scimtenant", *TENANTS, f"{names.ADOPT_ANNOTATION}={text}"
    )
    time.sleep(1.5)


def is_ready(namespace: Namespace) -> bool:
    """Whether the tenants are served."""
    serve(namespace)
    return all(namespace.condition(tenant, "Ready")["status"] == "True" for tenant in TENANTS)


def test_rest_under_admission_rules(
    fragile: ControlPlane, unserved: Namespace, tmp_path: Path
) -> None:
    """Each object is told of once; at rest, after a restart too, nothing is written and said."""
    settings = {"watch_namespaces": unserved.name, "rollout_patience": "0"}
    rules = ON_DEPLOYMENTS | ON_OTHERS
    with running(fragile, tmp_path, **settings) as operator:
        unserved.apply("before")
        unserved.settle(["before"])
        with admission_rules(fragile, unserved, rules):
            unserved.apply("after")
            unserved.settle(["after"])
            eventually(lambda: not untold(unserved), 60)
            eventually(lambda: is_ready(unserved), 30)
            before = at_rest(unserved)
            said = events(unserved, *TOLD)
            assert all(" keeps " in message for message in said)
            look(unserved, "1")
            assert versions(unserved) == before
            assert operator.stop() == 0
            operator.start()
            look(unserved, "2")
            assert versions(unserved) == before
            written = generations(unserved)
            unserved.kubectl(
                "delete", "pods", "--all", "--wait=false", "--grace-period=0", "--force"
            )
            eventually(lambda: is_ready(unserved), 30)
            at_rest(unserved)
            assert generations(unserved) == written
            assert events(unserved, *TOLD) == said
            _check_a_person(unserved, said)
            assert operator.stop() == 0


def _check_a_person(namespace: Namespace, said: list[str]) -> None:
    """What a person adds to what the rules have made is removed, and theirs stays."""
    added = [
        {
            "op": "add",
            "path": "/spec/template/spec/containers/-",
            "value": {"name": "sidecar", "image": "attacker:1"},
        }
    ]
    namespace.kubectl(
        "patch", "deployment", "after-scim", "--type=json", f"--patch={json.dumps(added)}"
    )

    def names() -> list[str]:
        spec = namespace.get("deployment", "after-scim")["spec"]["template"]["spec"]
        return [container["name"] for container in spec["containers"]]

    eventually(lambda: names() == ["scim", "mesh"])
    (told,) = eventually(lambda: events(namespace, "DriftRepaired"))
    assert told.endswith("without spec.template.spec.containers[sidecar]")
    assert events(namespace, "DriftKept") == said
    # A new wish goes through the rules, and they are nothing new.
    namespace.apply("after", {"nodeSelector": {"disk": "ssd"}})

    def disk() -> str | None:
        spec = namespace.get("deployment", "after-scim")["spec"]["template"]["spec"]
        found: str | None = spec.get("nodeSelector", {}).get("disk")
        return found

    eventually(lambda: disk() == "ssd")
    at_rest(namespace)
    assert names() == ["scim", "mesh"]
    assert events(namespace, "DriftKept") == said


def test_rest_with_empty_parts(fragile: ControlPlane, unserved: Namespace, tmp_path: Path) -> None:
    """Settings with empty lists, selectors and exponents are no drift, after a restart either."""
    settings = {
        "watch_namespaces": unserved.name,
        "scim_peers": json.dumps(EMPTY_PARTS),
        "management_peers": json.dumps(EMPTY_PARTS),
        "service_resources": json.dumps(EXPONENTS),
    }
    with running(fragile, tmp_path, **settings) as operator:
        unserved.apply_all(TENANTS, {"topologySpreadConstraints": SPREAD, "affinity": AFFINITY})
        unserved.settle(TENANTS)
        eventually(lambda: is_ready(unserved), 30)
        before = at_rest(unserved)
        look(unserved, "1")
        assert operator.stop() == 0
        operator.start()
        # Two of them: the first may be deleted before the operator watches.
        unserved.repair("after")
        unserved.repair("after")
        look(unserved, "2")
        after = versions(unserved)
        changed = {name for name in before if after[name] != before[name]}
        assert changed <= {"after", "after/Service/after-scim"}
        said = set(events(unserved, *TOLD))
        assert said == {"the Service after-scim was deleted and has been created again"}
        assert operator.stop() == 0


SPREAD: list[Object] = [
    {
        "maxSkew": 1,
        "topologyKey": "zone",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": {}, "matchExpressions": []},
        "matchLabelKeys": [],
    }
]
AFFINITY: Object = {
    "nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []},
    "podAntiAffinity": {
        "preferredDuringSchedulingIgnoredDuringExecution": [
            {
                "weight": 1,
                "podAffinityTerm": {
                    "topologyKey": "zone",
                    "labelSelector": {"matchLabels": {}},
                    "namespaces": [],
                },
            }
        ]
    },
}


def test_rollout_of_a_mirrored_image(
    fragile: ControlPlane, unserved: Namespace, tmp_path: Path
) -> None:
    """A rule that names a mirror of the registry halts no rollout, whoever has been restarted."""
    names = [f"tenant-{number}" for number in range(4)]
    settings = {"watch_namespaces": unserved.name, "rollout_patience": "0", "rollout_limit": "1"}

    def serve_all(image: str) -> bool:
        for tenant in names:
            for pod in unserved.pods(tenant):
                asked = pod["spec"]["containers"][0]["image"]
                if asked == image and "podIP" not in pod["status"]:
                    unserved.run(pod["metadata"]["name"], "127.0.0.1")
        listed = json.loads(unserved.kubectl("get", "scimtenants", "-o", "json"))["items"]
        states = {each.get("status", {}).get("rollout", {}).get("state") for each in listed}
        images = {
            pod["spec"]["containers"][0]["image"]
            for tenant in names
            for pod in unserved.pods(tenant)
        }
        return states == {"current"} and images == {image}

    with admission_rules(fragile, unserved, {"image": MIRRORED}):
        with running(fragile, tmp_path, service_image=f"{IMAGE}:old", **settings) as old:
            unserved.apply_all(names)
            unserved.settle(names)
            eventually(lambda: serve_all(f"{MIRROR}/{IMAGE}:old"), 30)
            assert old.stop() == 0
        with running(fragile, tmp_path, service_image=f"{IMAGE}:new", **settings) as new:
            eventually(lambda: f"{MIRROR}/{IMAGE}:new" in _images(unserved), 20)
            assert len(_images(unserved)) == 2
            new.kill()
            new.start()
            eventually(lambda: serve_all(f"{MIRROR}/{IMAGE}:new"), 60)
            assert new.stop() == 0
    assert events(unserved, "DriftRepaired", "FieldConflict") == []
    assert len(events(unserved, "DriftKept")) == len(names)


INJECTED = (
    "apps/deployments",
    "has(object.metadata.annotations) && 'example.com/inject' in object.metadata.annotations",
    (
        "[JSONPatch{op: 'add', path: '/spec/template/spec/containers/-', value: {'name': 'mesh', "
        "'image': string(object.metadata.annotations['example.com/inject'])}}]"
    ),
)


@pytest.mark.finding(26)
def test_rule_that_goes_by_an_annotation(
    fragile: ControlPlane, unserved: Namespace, tmp_path: Path
) -> None:
    """Whoever may edit the Deployment alone gets no sidecar in by a rule that does it for them."""

    def images() -> list[str]:
        spec = unserved.get("deployment", "before-scim")["spec"]["template"]["spec"]
        return [container["image"] for container in spec["containers"]]

    with (
        running(fragile, tmp_path, watch_namespaces=unserved.name),
        admission_rules(fragile, unserved, {"inject": INJECTED}),
    ):
        unserved.apply("before")
        unserved.settle(["before"])
        (own,) = images()
        annotation = "example.com/inject=attacker:1"
        unserved.kubectl("annotate", "deployment/before-scim", annotation)
        (told,) = eventually(lambda: events(unserved, *TOLD))
        assert told.endswith("without spec.template.spec.containers[mesh]")
        assert images() == [own]


def reasons(namespace: Namespace) -> set[str]:
    """The reasons for which the tenants are stalled, or are not."""
    return {namespace.condition(tenant, "Stalled").get("reason", "") for tenant in TENANTS}


LABELLED = (
    "has(object.metadata.labels) && 'scim-operator.io/tenant' in object.metadata.labels",
    "[JSONPatch{op: 'remove', path: '/metadata/labels/scim-operator.io~1tenant'}]",
)


@pytest.mark.parametrize("resource", ["configmaps", "persistentvolumeclaims", "secrets"])
def test_rule_that_takes_the_label(
    fragile: ControlPlane, unserved: Namespace, tmp_path: Path, resource: str
) -> None:
    """It is named where objects are not seen any more; no token, data or pod is lost by it."""
    with running(fragile, tmp_path, watch_namespaces=unserved.name) as operator:
        unserved.apply("before")
        token = unserved.settled("before")
        with admission_rules(fragile, unserved, {"label": (resource, *LABELLED)}):
            unserved.apply("after")
            for kind, name in (("configmap", "config"), ("pvc", "data"), ("secret", "digests")):
                unserved.kubectl("annotate", kind, f"before-scim-{name}", "example.com/a=1")
            eventually(lambda: reasons(unserved) == {"LabelTakenAway"}, 20)
            at_rest(unserved)
            written = generations(unserved)
            look(unserved, "1")
            assert generations(unserved) == written
        assert unserved.get("deployment", "before-scim")["spec"]["replicas"] == 1
        unserved.kubectl("annotate", "--all", "scimtenants", "scim-operator.io/again=1")
        unserved.settle(TENANTS, 40)
        assert unserved.token("before") == token
        eventually(lambda: "LabelTakenAway" not in reasons(unserved), 40)
        assert "KeyError" not in operator.log()


def _images(namespace: Namespace) -> set[str]:
    listed = json.loads(namespace.kubectl("get", "deployments", "-o", "json"))["items"]
    return {each["spec"]["template"]["spec"]["containers"][0]["image"] for each in listed}
