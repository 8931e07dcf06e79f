"""The API server rejects invalid ScimTenants by the CRD, with a message for the user."""

from __future__ import annotations

from typing import Any

import pytest
from scim_operator.api.tenant import Tenant
from scim_operator.api.v1alpha1.status import UNSEEN

from tests.operator.world import Namespace
from tests.unit.agreement.required_attribute_cases import CASES as REQUIRED
from tests.unit.agreement.required_attribute_cases import Case as RequiredCase
from tests.unit.agreement.schema_extension_cases import CASES, Case

POSTGRES = {"postgres": {"urlFrom": {"name": "pg", "key": "url"}}}


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"database": POSTGRES, "replicas": 3},
        {"exposure": {"host": "scim.example.com", "ingress": {}}},
        {"token": {"rotateEvery": "2160h", "overlap": "40m"}},
        {"token": {"rotateEvery": "90d", "overlap": "3d"}},
        {"token": {"rotateEvery": "24h1s", "overlap": "1d"}},
        {"token": {"rotateEvery": "3d", "overlap": "71h59m"}},
        {"resources": {"limits": {"cpu": 1, "memory": "1Gi"}}},
        {"resources": {"limits": {"cpu": "1.5", "memory": "1e9", "ephemeral-storage": "2E9"}}},
        {"resources": {"requests": {"cpu": ".5", "memory": "1.5Gi", "x/y": "100m"}}},
        {"provisioning": {"rateLimit": 25}},
    ],
)
def test_admitted(admission: Namespace, spec: dict[str, Any]) -> None:
    """Specs of the documentation are admitted."""
    assert admission.refusal("contoso", spec) == ""


def test_unseen(admission: Namespace) -> None:
    """A tenant without an operator has the CRD's default status."""
    admission.apply("contoso", {})
    assert Tenant.parse(admission.get("scimtenant", "contoso")).status == UNSEEN
    listed = admission.kubectl("get", "scimtenant", "contoso", "--no-headers")
    assert listed.split()[:2] == ["contoso", "Unknown"]
    admission.kubectl("delete", "scimtenant", "contoso")


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ({"replicas": 2}, "only one pod can write a SQLite file: keep replicas at 1"),
        ({"database": {"sqlite": {}} | POSTGRES}, "set exactly one of sqlite and postgres"),
        ({"database": {"sqlite": {"size": "much"}}}, "size must be a positive quantity of storage"),
        (
            {"exposure": {"ingress": {}, "gateway": {"parentRefs": [{"name": "public"}]}}},
            "set ingress or gateway, not both",
        ),
        ({"token": {"overlap": "10m"}}, "overlap must be at least 40m"),
        ({"token": {"rotateEvery": "1h"}}, "rotateEvery must be longer than overlap"),
        (
            {"token": {"rotateEvery": "2160h", "existingSecret": "mine"}},
            "by writing that Secret: omit rotateEvery",
        ),
        (
            {"podLabels": {"app.kubernetes.io/name": "x"}},
            "are reserved for the operator: choose others",
        ),
        (
            {"podAnnotations": {"scim-operator.io/x": "x"}},
            "are reserved for the operator: choose others",
        ),
        ({"exposure": {"path": "/scim/"}}, "spec.exposure.path"),
        (
            {"env": [{"name": "SCIM_TOKEN", "value": "x"}]},
            "that begin with SCIM_ are reserved",
        ),
        ({"env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]}, "duplicate entries"),
        ({"volumes": [{"name": "a"}]}, "set exactly one of configMap and secret"),
        ({"securityContext": {"runAsUser": 0}}, "spec.securityContext.runAsUser"),
        ({"replcas": 1}, "replcas"),
        ({"token": {"overlap": "0d"}}, "overlap must be at least 40m"),
        ({"token": {"overlap": "3d", "rotateEvery": "72h"}}, "rotateEvery must be longer"),
        ({"token": {"overlap": "3d12h"}}, "spec.token.overlap"),
        ({"token": {"overlap": "3 days"}}, "spec.token.overlap"),
        ({"token": {"rotateEvery": "d"}}, "spec.token.rotateEvery"),
        ({"resources": {"limits": {"memory": "lots"}}}, "spec.resources.limits.memory"),
        ({"resources": {"requests": {"cpu": "-1"}}}, "spec.resources.requests.cpu"),
        ({"resources": {"requests": {"cpu": "1 Gi"}}}, "spec.resources.requests.cpu"),
        ({"resources": {"requests": {"cpu": "1e"}}}, "spec.resources.requests.cpu"),
        ({"provisioning": {"rateLimit": 24}}, "spec.provisioning.rateLimit"),
    ],
)
def test_refused(admission: Namespace, spec: dict[str, Any], sentence: str) -> None:
    """The message of a rejection names the reason and the remedy."""
    assert sentence in admission.refusal("contoso", spec)


@pytest.mark.finding(33)
@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_schema_extensions(admission: Namespace, case: Case) -> None:
    """An extension that the service cannot use is rejected; the message names the broken rule."""
    said = admission.refusal("contoso", {"provisioning": {"schemaExtensions": case.extensions}})
    assert (case.rejection or "") in said
    assert bool(said) is (case.rejection is not None)


@pytest.mark.parametrize("case", REQUIRED.values(), ids=REQUIRED.keys())
def test_required_attributes(admission: Namespace, case: RequiredCase) -> None:
    """An unknown attribute is rejected if a CEL rule can find it; the message has suggestions."""
    provisioning = {"requiredAttributes": case.required, "schemaExtensions": case.extensions}
    said = admission.refusal("contoso", {"provisioning": provisioning})
    assert bool(said) is case.is_rejected
    assert not said or "did you mean emails, phoneNumbers" in said


@pytest.mark.finding(4)
@pytest.mark.parametrize(
    ("exposure", "sentence"),
    [
        ({"host": "10.0.0.1"}, "host must be a DNS name with a dot"),
        ({"host": "127.1"}, "host must be a DNS name with a dot"),
        ({"host": "0x7f.0x1"}, "host must be a DNS name with a dot"),
        ({"host": "localhost"}, "host must be a DNS name with a dot"),
        ({"host": "scim"}, "host must be a DNS name with a dot"),
        ({"host": "scim.example.com."}, "spec.exposure.host"),
        ({"host": "::1"}, "spec.exposure.host"),
        ({"host": "*.example.com"}, "spec.exposure.host"),
        ({"host": "a.localhost"}, "set the public name"),
        ({"host": "kubernetes.default.svc"}, "set the public name"),
        ({"host": "contoso-scim.team-a.svc.cluster.local"}, "set the public name"),
        ({"path": "/.."}, "no segment of path may begin with a dot"),
        ({"path": "/a/../b"}, "no segment of path may begin with a dot"),
        ({"path": "/a/./b"}, "no segment of path may begin with a dot"),
        ({"path": "/.well-known/acme-challenge"}, "no segment of path may begin with a dot"),
        ({"path": "/a//b"}, "spec.exposure.path"),
        ({"path": "/%2e%2e/b"}, "spec.exposure.path"),
    ],
)
def test_refused_urls(admission: Namespace, exposure: dict[str, str], sentence: str) -> None:
    """An IP address, a host inside the cluster and a path of the whole host are rejected."""
    assert sentence in admission.refusal("contoso", {"exposure": exposure})


@pytest.mark.parametrize("name", ["a" * 59, "1contoso", "con.toso"])
def test_refused_names(admission: Namespace, name: str) -> None:
    """A name that cannot be part of a Service's name is rejected."""
    assert "the tenant's name is part of its Service's name" in admission.refusal(name, {})


@pytest.mark.parametrize(
    ("sqlite", "sentence"),
    [
        ({"size": "1Gi", "storageClassName": "a"}, "a volume can grow but not shrink"),
        ({"size": "2Gi", "storageClassName": "b"}, "storageClassName cannot change"),
    ],
)
def test_refused_changes(admission: Namespace, sqlite: dict[str, str], sentence: str) -> None:
    """Changes that a volume does not support are rejected."""
    admission.apply("contoso", {"database": {"sqlite": {"size": "2Gi", "storageClassName": "a"}}})
    assert sentence in admission.refusal("contoso", {"database": {"sqlite": sqlite}})
    admission.kubectl("delete", "scimtenant", "contoso")


def test_database_cannot_be_exchanged(admission: Namespace) -> None:
    """The kind of database cannot change, because data is not migrated."""
    admission.apply("contoso", {"database": {"sqlite": {"size": "1Gi"}}})
    found = admission.refusal("contoso", {"database": POSTGRES})
    assert "the kind of database cannot change" in found
    admission.kubectl("delete", "scimtenant", "contoso")
