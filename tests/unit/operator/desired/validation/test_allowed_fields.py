"""Allowed parts of a spec reach the tenant's objects; the condition names the withheld parts."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from scim_operator.api import conditions
from scim_operator.api.v1alpha1.status import UNSEEN
from scim_operator.kube.kinds import DEPLOYMENT
from scim_operator.setting_types import Allow
from scim_operator.settings import Settings
from scim_operator.status import events, tenant_status

from tests.unit.operator.sample import NOW, Object, make, objects, observed

OF_THE_FINDING = {
    "nginx.ingress.kubernetes.io/configuration-snippet": "return 200;",
    "nginx.ingress.kubernetes.io/server-snippet": "location / {}",
    "nginx.ingress.kubernetes.io/auth-url": "https://attacker.example",
    "nginx.ingress.kubernetes.io/mirror-target": "https://attacker.example",
    "external-dns.alpha.kubernetes.io/hostname": "www.example.com",
}
ADMITTED = {"cert-manager.io/issuer": "letsencrypt"}


def _settings(**allow: Any) -> Settings:
    return Settings(allow=Allow(**allow).model_dump_json(by_alias=True))


def _exposed(annotations: dict[str, str]) -> Object:
    return {"exposure": {"host": "scim.example.com", "ingress": {"annotations": annotations}}}


def _deployment(spec: Object, settings: Settings | None = None) -> Object:
    found: Object = objects(make(observed(spec), settings))["Deployment", "contoso-scim"]
    return found


def _template(spec: Object, settings: Settings | None = None) -> Object:
    template: Object = _deployment(spec, settings)["spec"]["template"]
    return template


def _resources(asked: Object, settings: Settings | None = None) -> Object:
    (container,) = _template({"resources": asked}, settings)["spec"]["containers"]
    found: Object = container["resources"]
    return found


def _withheld(spec: Object, settings: Settings | None = None) -> list[tuple[str, str, str | None]]:
    return [(part, value, instead) for part, value, instead in _plan(spec, settings).withheld]


def _plan(spec: Object, settings: Settings | None = None) -> Any:
    return make(observed(spec), settings)


@pytest.mark.finding(15)
def test_ingress_annotations() -> None:
    """Only allowed annotations reach the Ingress."""
    spec = _exposed(OF_THE_FINDING | ADMITTED)
    ingress = objects(_plan(spec))["Ingress", "contoso-scim"]
    assert ingress["metadata"]["annotations"].keys() & spec["exposure"]["ingress"][
        "annotations"
    ].keys() == set(ADMITTED)
    assert [part for part, *_ in _withheld(spec)] == [
        f"spec.exposure.ingress.annotations[{key}]" for key in OF_THE_FINDING
    ]


@pytest.mark.finding(15)
@pytest.mark.parametrize("field", ["podLabels", "podAnnotations"])
def test_pod_metadata(field: str) -> None:
    """By default a pod has only the operator's labels and annotations."""
    spec = {field: {"app": "payments", "k8s.v1.cni.cncf.io/networks": "other"}}
    assert _template(spec)["metadata"] == _template({})["metadata"]
    assert [value for _, value, _ in _withheld(spec)] == [field, field]


@pytest.mark.finding(15)
@pytest.mark.parametrize(
    ("pattern", "kept"),
    [
        ("team", {"team"}),
        ("team.example.com/*", {"team.example.com/a"}),
        ("*", {"team", "team.example.com/a", "teams"}),
        ("Team", set()),
    ],
)
def test_patterns(pattern: str, kept: set[str]) -> None:
    """A pattern is a key or, with a star, a prefix of keys."""
    spec = {"podLabels": dict.fromkeys(("team", "team.example.com/a", "teams"), "x")}
    labels = _template(spec, _settings(pod_labels=[pattern]))["metadata"]["labels"]
    assert labels.keys() & spec["podLabels"].keys() == kept


@pytest.mark.finding(15)
@pytest.mark.parametrize(
    ("patterns", "kept"),
    [([], []), (["dedicated"], ["dedicated"]), (["*"], ["dedicated", None])],
)
def test_tolerations(patterns: list[str], kept: list[str | None]) -> None:
    """A toleration needs a pattern for its key; a toleration of every taint needs a star."""
    spec = {"tolerations": [{"key": "dedicated", "value": "scim"}, {"operator": "Exists"}]}
    pod = _template(spec, _settings(tolerations=patterns))["spec"]
    assert [toleration.get("key") for toleration in pod.get("tolerations", ())] == kept
    assert len(_withheld(spec, _settings(tolerations=patterns))) == 2 - len(kept)


def _term(**more: Any) -> Object:
    return {
        "podAntiAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [
                {"topologyKey": "zone", "labelSelector": {}} | more
            ]
        }
    }


@pytest.mark.finding(15)
@pytest.mark.parametrize(
    ("affinity", "kept"),
    [
        (_term(), True),
        (_term(namespaces=[]), True),
        (_term(namespaces=["team-b"]), False),
        (_term(namespaceSelector={}), False),
    ],
)
def test_affinity(affinity: Object, kept: bool) -> None:
    """A pod cannot keep pods of other namespaces from a node or a zone."""
    spec = {"affinity": affinity}
    assert ("affinity" in _template(spec)["spec"]) is kept
    assert bool(_withheld(spec)) is not kept
    assert "affinity" in _template(spec, _settings(cross_namespace_affinity=True))["spec"]


@pytest.mark.finding(15)
def test_resources() -> None:
    """The maximum replaces a larger amount; a resource without a maximum is left out."""
    asked = {
        "requests": {"cpu": "64", "memory": "1Gi", "nvidia.com/gpu": "8"},
        "limits": {"cpu": "64", "memory": "500Gi", "nvidia.com/gpu": "8"},
    }
    found = _resources(asked)
    assert found["requests"] | {"ephemeral-storage": ""} == {
        "cpu": "4",
        "memory": "1Gi",
        "ephemeral-storage": "",
    }
    assert found["limits"] == {"cpu": "4", "memory": "4Gi", "ephemeral-storage": "4Gi"}
    assert _withheld({"resources": asked}) == [
        ("spec.resources.requests[cpu]", "resources", "4"),
        ("spec.resources.requests[nvidia.com/gpu]", "resources", None),
        ("spec.resources.limits[cpu]", "resources", "4"),
        ("spec.resources.limits[memory]", "resources", "4Gi"),
        ("spec.resources.limits[nvidia.com/gpu]", "resources", None),
    ]


@pytest.mark.finding(15)
@pytest.mark.parametrize("amount", ["1e12", "1E12", "5000000000001m", "+5Gi", "5.Gi", "9e99"])
def test_odd_amounts(amount: str) -> None:
    """The maximum applies to every form of a quantity."""
    assert _resources({"limits": {"memory": amount}})["limits"]["memory"] == "4Gi"


@pytest.mark.finding(15)
@pytest.mark.parametrize("amount", ["1e999", "abc", "-", "-1"])
def test_no_amounts(amount: str) -> None:
    """An invalid quantity does not reach a pod."""
    planned = make(observed({"resources": {"limits": {"memory": amount}}}))
    assert (DEPLOYMENT.name, "contoso-scim") not in objects(planned)


@pytest.mark.finding(15)
def test_limit_left_out() -> None:
    """A missing limit becomes the maximum and does not raise the request."""
    found = _resources({"requests": {"memory": "1Gi"}})
    assert found["limits"]["memory"] == "4Gi"
    assert found["limits"]["cpu"] == "4"
    assert found["requests"]["memory"] == "1Gi"
    assert found["requests"]["cpu"] == "25m"


@pytest.mark.finding(15)
@pytest.mark.parametrize("size", ["500Gi", "1e12", "1E", "200000M"])
def test_volume(size: str) -> None:
    """A volume is not created larger than the maximum; a larger existing volume stays."""
    spec = {"database": {"sqlite": {"size": size}}}
    claim = objects(_plan(spec))["PersistentVolumeClaim", "contoso-scim-data"]
    assert claim["spec"]["resources"]["requests"]["storage"] == "100Gi"
    assert _withheld(spec) == [("spec.database.sqlite.size", "volumeSize", "100Gi")]


def test_nothing_withheld() -> None:
    """A completely allowed spec is passed on unchanged, without a condition."""
    spec: Object = {
        "nodeSelector": {"kubernetes.io/arch": "arm64"},
        "resources": {"limits": {"cpu": "2", "memory": "1Gi", "ephemeral-storage": "1Gi"}},
    } | _exposed(ADMITTED)
    planned = _plan(spec)
    assert planned.withheld == ()
    assert planned.context.tenant.spec.resources.limits == spec["resources"]["limits"]
    result = tenant_status.build(observed(spec), planned, [], NOW)
    assert result.condition(conditions.RESTRICTED) is None


@pytest.mark.finding(15)
def test_condition_names_withheld_parts() -> None:
    """The condition and one event name the part and the chart's value."""
    spec = {"podLabels": {"app": "payments"}, "resources": {"limits": {"memory": "500Gi"}}}
    seen, planned = observed(spec), _plan(spec)
    after = tenant_status.build(seen, planned, [], NOW)
    found = after.condition(conditions.RESTRICTED)
    assert found is not None
    assert (found.status, found.reason) == ("True", "NotAllowed")
    assert "spec.podLabels[app] is left out (tenants.allow.podLabels)" in found.message
    assert "spec.resources.limits[memory] is 4Gi instead (tenants.allow.resources)" in found.message
    (event,) = [event for event in events.derive(UNSEEN, after, planned, []) if event.warning]
    assert (event.reason, event.message) == (found.reason, found.message)
    later = NOW + timedelta(hours=1)
    assert [event for event in events.derive(after, after, planned, []) if event.warning] == []
    cleared = tenant_status.build(observed({}), _plan({}), [], later)
    assert cleared.condition(conditions.RESTRICTED) is None


@pytest.mark.finding(15)
def test_message_is_bounded() -> None:
    """The message is bounded for a spec with many withheld parts."""
    spec = {"podLabels": {f"label-{number}": "x" for number in range(60)}}
    found = tenant_status.build(observed(spec), _plan(spec), [], NOW).condition(
        conditions.RESTRICTED
    )
    assert found is not None
    assert "; 50 more" in found.message
    assert len(found.message) < 1024


def test_settings_read_camel_case() -> None:
    """The setting has the format of the chart's value."""
    allow = json.dumps({"podLabels": ["team"], "volumeSize": "1Ti"})
    assert Settings(allow=allow).allow == Allow(pod_labels=("team",), volume_size="1Ti")
