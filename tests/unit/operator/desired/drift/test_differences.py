"""How an object differs from the desired one, and the patch that restores it."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from scim_operator.desired.drift import differences
from scim_operator.desired.objects import applied_digest

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
    """An added field is drift, is named by its path, and the patch removes it."""
    wanted = applied_digest.add_digest(_object(kind, ROUTED))
    live = _live(wanted)
    assert differences.is_current(wanted, live)
    _set(live, path, value)
    assert not differences.is_current(wanted, live)
    (found,) = differences.find_differences(wanted, live)
    assert named in str(found)
    assert differences.is_current(
        wanted, _patched(live, differences.build_restoration(wanted, live))
    )


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
    """Values that the API server and its controllers fill in are no drift."""
    ingress = {"exposure": {"host": "scim.example.com", "ingress": {}}}
    wanted = applied_digest.add_digest(_object(kind, ROUTED if kind == "HTTPRoute" else ingress))
    live = _live(wanted)
    _set(live, path, value)
    assert differences.is_current(wanted, live)


@pytest.mark.finding(26)
def test_restoration_with_another_wish() -> None:
    """The patch restores content and digest together, and keeps annotations of others."""
    live = _live(applied_digest.add_digest(_object("Deployment", POSTGRES)))
    live["metadata"]["annotations"]["example.com/of-others"] = "x"
    live["spec"]["paused"] = True
    wanted = applied_digest.add_digest(_object("Deployment", POSTGRES | {"replicas": 3}))
    result = _patched(live, differences.build_restoration(wanted, live))
    assert differences.is_current(wanted, result)
    assert result["metadata"]["annotations"]["example.com/of-others"] == "x"


@pytest.mark.finding(26)
def test_variable_twice() -> None:
    """The second of two variables of one name, which wins in the container, is drift."""
    wanted = applied_digest.add_digest(_object("Deployment", POSTGRES))
    live = _live(wanted)
    environment = live["spec"]["template"]["spec"]["containers"][0]["env"]
    environment.append(environment[0] | {"value": "/tmp/other"})
    assert not differences.is_current(wanted, live)


def _service(**spec: Any) -> Object:
    return _object("Service") | {"spec": spec}


def _found(wanted: Object, spec: Object) -> list[tuple[str, Any, bool]]:
    wanted = applied_digest.add_digest(wanted)
    live = _live(wanted) | {"spec": spec}
    return [
        (str(each), each.value, each.is_added)
        for each in differences.find_differences(wanted, live)
    ]


@pytest.mark.parametrize(
    ("wanted", "live"),
    [
        ({"tolerations": []}, {}),
        (
            {"from": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": []}}]},
            {"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]},
        ),
        (
            {"from": [{"podSelector": {"matchLabels": {}, "matchExpressions": []}}]},
            {"from": [{"podSelector": {}}]},
        ),
        (
            {"from": [{"podSelector": None, "namespaceSelector": {}}]},
            {"from": [{"namespaceSelector": {}}]},
        ),
        ({"nodeSelector": {}, "key": ""}, {}),
        ({"limits": {"memory": "1e9"}}, {"limits": {"memory": "1G"}}),
        ({"limits": {"memory": "1E3"}}, {"limits": {"memory": "1e3"}}),
        ({"limits": {"cpu": "1000m"}}, {"limits": {"cpu": "1"}}),
        ({"requests": {}, "limits": {"cpu": "0.5"}}, {"limits": {"cpu": "500m"}}),
    ],
)
def test_written_otherwise(wanted: Object, live: Object) -> None:
    """Values that the API server omits or normalizes are no difference."""
    assert _found(_service(**wanted), live) == []


@pytest.mark.parametrize(
    ("wanted", "live", "found"),
    [
        # An empty selector of a peer means every namespace, no selector the policy's own.
        (
            {"from": [{"podSelector": {"a": "b"}, "namespaceSelector": {}}]},
            {"from": [{"podSelector": {"a": "b"}}]},
            ("spec.from[0].namespaceSelector", None, False),
        ),
        (
            {"from": [{"podSelector": {"a": "b"}}]},
            {"from": [{"podSelector": {"a": "b"}, "namespaceSelector": {}}]},
            ("spec.from[0].namespaceSelector", {}, True),
        ),
        (
            {"volumes": [{"name": "tmp", "emptyDir": {}}]},
            {"volumes": [{"name": "tmp"}]},
            ("spec.volumes[tmp].emptyDir", None, False),
        ),
        ({"labels": {"team": ""}}, {"labels": {}}, ("spec.labels.team", None, False)),
        ({"tolerations": []}, {"tolerations": [{}]}, ("spec.tolerations[0]", {}, True)),
        ({"ports": [{"name": "a"}]}, {"ports": []}, ("spec.ports[a]", None, False)),
        ({"items": ["a", "b"]}, {"items": ["a"]}, ("spec.items[1]", None, False)),
        ({"limits": {"cpu": "1"}}, {"limits": {"cpu": "2"}}, ("spec.limits.cpu", "2", False)),
        ({"replicas": 1}, {"replicas": 3}, ("spec.replicas", 3, False)),
    ],
)
def test_differences(wanted: Object, live: Object, found: tuple[str, Any, bool]) -> None:
    """A difference has its path, the existing value, and whether it was added."""
    assert _found(_service(**wanted), live) == [found]


def test_labels_of_others() -> None:
    """Labels, annotations and owners of other clients stay; the operator's are restored."""
    wanted = applied_digest.add_digest(_object("Service"))
    live = _live(wanted)
    live["metadata"]["labels"]["of-others"] = "x"
    live["metadata"]["ownerReferences"].append({"name": "other", "uid": "2"})
    assert differences.is_current(wanted, live)
    del live["metadata"]["labels"]["app.kubernetes.io/name"]
    (found,) = differences.find_differences(wanted, live)
    assert found.in_metadata
    assert str(found) == "metadata.labels.app.kubernetes.io/name"


def test_restoration_keeps_what_may_have_any_value() -> None:
    """The patch does not restart pods again after a manual restart, and a Service keeps its IP."""
    restarted = _live(applied_digest.add_digest(_object("Deployment")))
    annotations = restarted["spec"]["template"]["metadata"]["annotations"]
    annotations["kubectl.kubernetes.io/restartedAt"] = "2026-11-25T08:00:00Z"
    numbered = _live(applied_digest.add_digest(_object("Service")))
    numbered["spec"]["clusterIP"] = "10.96.0.7"
    for live in (restarted, numbered):
        wanted = applied_digest.add_digest(_object(live["kind"]))
        before = copy.deepcopy(live["spec"])
        live["spec"]["paused"] = True
        assert _patched(live, differences.build_restoration(wanted, live))["spec"] == before
