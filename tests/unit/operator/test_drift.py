"""What differs from its wish, what was added to it, and how often that is put right."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from scim_operator import drift
from scim_operator.kinds import SERVICE
from scim_operator.plan import Wanted
from scim_operator.repairs import FIRST_PAUSE, LONGEST_PAUSE, Repairs, listed

from tests.unit.operator.sample import Object, make, objects, observed

POSTGRES = {"database": {"postgres": {"urlFrom": {"name": "pg", "key": "url"}}}, "replicas": 2}
ROUTED = {"exposure": {"host": "scim.example.com", "gateway": {"parentRefs": [{"name": "public"}]}}}


def _object(kind: str, spec: Object | None = None) -> Object:
    found = objects(make(observed(spec)))
    return next(body for (its_kind, _), body in found.items() if its_kind == kind)


def _live(wanted: Object) -> Object:
    live = copy.deepcopy(wanted)
    live["metadata"] |= {"uid": "1", "resourceVersion": "7"}
    return live


def _set(body: Any, path: str, value: Any) -> None:
    *parents, last = path.split("/")
    for part in parents:
        body = body[int(part)] if isinstance(body, list) else body[part]
    if isinstance(body, list):
        body.append(value)
    else:
        body[last] = value


@pytest.mark.finding(26)
@pytest.mark.parametrize(
    ("kind", "path", "value", "named"),
    [
        ("Deployment", "spec/paused", True, "spec.paused"),
        ("Deployment", "spec/progressDeadlineSeconds", 1, "spec.progressDeadlineSeconds"),
        (
            "Deployment",
            "spec/template/spec/containers/-",
            {"name": "sidecar"},
            "spec.template.spec.containers[sidecar]",
        ),
        (
            "Deployment",
            "spec/template/spec/containers/0/env/-",
            {"name": "SCIM_TOKEN", "value": "x"},
            "spec.template.spec.containers[scim].env[SCIM_TOKEN]",
        ),
        (
            "Deployment",
            "spec/template/spec/volumes/0/configMap/defaultMode",
            511,
            "spec.template.spec.volumes[config].configMap.defaultMode",
        ),
        ("Deployment", "spec/template/spec/dnsPolicy", "None", "spec.template.spec.dnsPolicy"),
        ("Service", "spec/externalIPs", ["192.0.2.1"], "spec.externalIPs"),
        ("Service", "spec/sessionAffinity", "ClientIP", "spec.sessionAffinity"),
        ("NetworkPolicy", "spec/ingress/1/from/0/podSelector", {}, "spec.ingress[1].from[0]"),
        ("NetworkPolicy", "spec/egress/-", {}, "spec.egress[1]"),
        ("HTTPRoute", "spec/rules/0/filters", [{}], "spec.rules[0].filters"),
        ("HTTPRoute", "spec/rules/0/backendRefs/0/weight", 0, "backendRefs[contoso-scim].weight"),
        ("ConfigMap", "data/other", "x", "data.other"),
        ("ConfigMap", "binaryData", {"other": "AA=="}, "binaryData"),
        ("Secret", "immutable", True, "immutable"),
    ],
)
def test_additions(kind: str, path: str, value: Any, named: str) -> None:
    """A field more than wanted is drift, is named by its place, and the patch takes it away."""
    wanted = drift.stamped(_object(kind, ROUTED))
    live = _live(wanted)
    assert drift.is_current(wanted, live)
    _set(live, path, value)
    assert not drift.is_current(wanted, live)
    (found,) = drift.additions(wanted, live)
    assert named in found
    assert drift.is_current(wanted, _patched(live, drift.restoration(wanted, live)))


def _patched(live: Object, operations: list[Object]) -> Object:
    head, annotations, *rest = operations
    assert (head["path"], head["value"]) == ("/metadata/resourceVersion", "7")
    assert annotations["path"] == "/metadata/annotations"
    result = copy.deepcopy(live)
    result["metadata"]["annotations"] = annotations["value"]
    for operation in rest:
        field = operation["path"][1:]
        if operation["op"] == "remove":
            del result[field]
        else:
            result[field] = operation["value"]
    return result


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("Deployment", "spec/progressDeadlineSeconds", 600),
        ("Deployment", "spec/template/metadata/creationTimestamp", None),
        ("Deployment", "spec/template/spec/dnsPolicy", "ClusterFirst"),
        ("Deployment", "spec/template/spec/volumes/0/configMap/defaultMode", 420),
        ("Deployment", "metadata/annotations/deployment.kubernetes.io~1revision", "3"),
        ("Service", "spec/clusterIP", "10.96.0.7"),
        ("Ingress", "spec/ingressClassName", "default"),
        ("HTTPRoute", "spec/parentRefs/0/kind", "Gateway"),
        ("HTTPRoute", "spec/rules/0/backendRefs/0/weight", 1),
        ("PersistentVolumeClaim", "spec/volumeName", "pvc-1"),
        ("Service", "status", {"loadBalancer": {}}),
    ],
)
def test_filled_in(kind: str, path: str, value: Any) -> None:
    """What the API server and its controllers fill in is no drift."""
    ingress = {"exposure": {"host": "scim.example.com", "ingress": {}}}
    wanted = drift.stamped(_object(kind, ROUTED if kind == "HTTPRoute" else ingress))
    live = _live(wanted)
    _set(live, path, value)
    assert drift.is_current(wanted, live)


@pytest.mark.finding(26)
def test_restoration_with_another_wish() -> None:
    """Content and the digest that speaks of it change together; annotations of others stay."""
    live = _live(drift.stamped(_object("Deployment", POSTGRES)))
    live["metadata"]["annotations"]["example.com/of-others"] = "x"
    live["spec"]["paused"] = True
    wanted = drift.stamped(_object("Deployment", POSTGRES | {"replicas": 3}))
    result = _patched(live, drift.restoration(wanted, live))
    assert drift.is_current(wanted, result)
    assert result["metadata"]["annotations"]["example.com/of-others"] == "x"


@pytest.mark.finding(26)
def test_variable_twice() -> None:
    """The second of two variables of one name, which wins in the container, is drift."""
    wanted = drift.stamped(_object("Deployment", POSTGRES))
    live = _live(wanted)
    environment = live["spec"]["template"]["spec"]["containers"][0]["env"]
    environment.append(environment[0] | {"value": "/tmp/other"})
    assert not drift.is_current(wanted, live)


class _Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def _weakened(field: str = "externalIPs") -> Wanted:
    wanted = drift.stamped(_object("Service"))
    live = _live(wanted)
    live["spec"][field] = ["192.0.2.1"]
    return Wanted(SERVICE, wanted, live)


@pytest.mark.finding(26)
def test_what_comes_back_is_removed_more_rarely() -> None:
    """The first time at once, then after a pause that doubles up to an hour."""
    clock = _Clock()
    repairs = Repairs(clock)
    seen = _weakened()
    pauses = []
    for _ in range(12):
        pauses.append(repairs.pause(seen))
        clock.now += pauses[-1]
        assert repairs.pause(seen) == 0
        assert repairs.note(seen, _live(seen.object)) == ()
    assert pauses == [0, *(min(FIRST_PAUSE * 2**n, LONGEST_PAUSE) for n in range(11))]


@pytest.mark.finding(26)
def test_something_else_is_removed_at_once() -> None:
    """A pause is for the same addition only, and for an object that is as wanted otherwise."""
    repairs = Repairs(_Clock())
    repairs.note(_weakened(), _live(_weakened().object))
    assert repairs.leaves(_weakened())
    assert repairs.pause(_weakened()) == FIRST_PAUSE
    assert repairs.pause(_weakened("loadBalancerSourceRanges")) == 0
    edited = _weakened()
    assert edited.live is not None
    edited.live["spec"]["type"] = "NodePort"
    assert repairs.pause(edited) == 0


@pytest.mark.finding(26)
def test_peace_is_remembered() -> None:
    """What comes back long after is removed at once, and then waits for the first pause again."""
    clock = _Clock()
    repairs = Repairs(clock)
    for _ in range(3):
        clock.now += repairs.pause(_weakened())
        repairs.note(_weakened(), _live(_weakened().object))
    clock.now += 2 * LONGEST_PAUSE
    assert repairs.pause(_weakened()) == 0
    repairs.note(_weakened(), _live(_weakened().object))
    assert repairs.pause(_weakened()) == FIRST_PAUSE


def test_what_admission_adds_leaves() -> None:
    """What is there in the answer to the write stays, until the object or the wish changes."""
    repairs = Repairs(_Clock())
    seen = _weakened()
    assert seen.live is not None
    assert not repairs.leaves(seen)
    assert repairs.note(seen, seen.live) == ("spec.externalIPs",)
    assert repairs.leaves(seen)
    seen.live["metadata"]["resourceVersion"] = "8"
    seen.live["status"] = {"loadBalancer": {}}
    assert repairs.leaves(seen)
    seen.live["spec"]["type"] = "NodePort"
    assert not repairs.leaves(seen)


def test_listed() -> None:
    """A message names some additions, and counts the rest."""
    assert listed(("a", "b")) == "a, b"
    assert listed(tuple(map(str, range(10)))) == "0, 1, 2, 3, 4, 5, 6, 7, 2 more"
