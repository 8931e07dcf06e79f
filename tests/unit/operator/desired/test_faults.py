"""Faults of objects and failed reconciles: the message has the remedy."""

from __future__ import annotations

import pytest
from scim_operator.api.conditions import Outlook
from scim_operator.api.tenant import Tenant
from scim_operator.desired.faults import (
    SILENT,
    Fault,
    explain,
    explain_exception,
    explain_failed_request,
    explain_missing_key,
    explain_unlabelled,
    find_for_condition,
)
from scim_operator.kube.errors import ApiError
from scim_operator.kube.kinds import HTTP_ROUTE, INGRESS, SECRET, SERVICE, VOLUME_CLAIM, Kind

from tests.unit.operator.sample import body

TENANT = Tenant.parse(body())


@pytest.mark.parametrize(
    ("code", "message", "reason", "part"),
    [
        (
            403,
            'persistentvolumeclaims "x" is forbidden: exceeded quota: storage, requested: 1',
            "QuotaExceeded",
            "the quota storage of namespace team-a",
        ),
        (
            403,
            'User "o" cannot patch resource "services" in API group "" in the namespace "team-a"',
            "Forbidden",
            "the operator may not patch services in namespace team-a",
        ),
        (
            403,
            "the storageclass that provisions the pvc must support resize",
            "VolumeCannotGrow",
            "set allowVolumeExpansion on the class",
        ),
        (403, "denied by a rule", "Forbidden", "denied by a rule"),
        (403, "unable to create: namespace is being terminated", "NamespaceTerminating", "team-a"),
        (404, "not found", "KindMissing", "install its CRDs"),
        (422, "spec.x: Invalid value", "Invalid", "spec.x: Invalid value"),
        (400, "bad", "Invalid", "bad"),
        (
            500,
            "failed to create typed patch object (team-a/x; apps/v1, Kind=Deployment): .spec.x: no",
            "Invalid",
            ".spec.x: no",
        ),
    ],
)
def test_explained(code: int, message: str, reason: str, part: str) -> None:
    """Each lasting refusal has its own reason, and the message names the remedy."""
    fault = explain(ApiError(code, message), VOLUME_CLAIM, "contoso-scim-data", TENANT)
    assert fault is not None
    assert fault.reason == reason
    assert part in fault.message


@pytest.mark.parametrize("code", [409, 429, 500, 503])
def test_retried(code: int) -> None:
    """A refusal that may be temporary is retried."""
    assert explain(ApiError(code, "later"), SERVICE, "contoso-scim", TENANT) is None


def test_a_namespace_that_is_being_deleted() -> None:
    """The deletion of a namespace needs no action."""
    fault = explain(ApiError(403, "it is being terminated"), SERVICE, "contoso-scim", TENANT)
    assert fault is not None
    assert fault.outlook is Outlook.SETTLED


def test_a_missing_kind() -> None:
    """Without the Gateway API the message names the missing kind."""
    fault = explain(ApiError(404, ""), HTTP_ROUTE, "contoso-scim", TENANT)
    assert fault is not None
    assert "HTTPRoute (gateway.networking.k8s.io/v1)" in fault.message


@pytest.mark.parametrize("code", [400, 403, 422, 500])
def test_any_status(code: int) -> None:
    """A webhook chooses the status of its denial; the API server answers 500 if it is down."""
    message = 'admission webhook "v.guard.example" denied the request: no'
    fault = explain(ApiError(code, message), INGRESS, "contoso-scim", TENANT)
    assert fault
    assert (fault.kind, fault.reason) == (INGRESS, "AdmissionDenied")
    assert "refuses the Ingress contoso-scim" in fault.message


def test_a_failed_request() -> None:
    """The finding names the request that every reconcile needs and that fails."""
    refusal = ApiError(500, 'failed calling webhook "g": no such host')
    refusal.request = "PATCH of scimtenants/contoso/status in namespace team-a"
    found = explain_failed_request(refusal, "team-a")
    assert "refuses PATCH of scimtenants/contoso/status in namespace team-a" in found.message
    right = 'User "o" cannot get resource "secrets" in API group "" in the namespace "team-a"'
    assert explain_failed_request(ApiError(403, right), "team-a").message.startswith(
        "the operator may not get secrets in namespace team-a"
    )
    other = explain_failed_request(ApiError(500, "etcd is away", reason="InternalError"), "team-a")
    assert (other.reason, "etcd is away" in other.message) == ("APIServerRefuses", True)


@pytest.mark.parametrize(
    ("kind", "condition"),
    [(SECRET, "TokenReady"), (INGRESS, "Exposed"), (HTTP_ROUTE, "Exposed"), (SERVICE, "Available")],
    ids=lambda each: getattr(each, "name", each),
)
def test_the_condition_of_a_fault(kind: Kind, condition: str) -> None:
    """The kind of an object decides which condition reports its first fault."""
    faults = [Fault(kind, "First", "a"), Fault(kind, "Second", "b")]
    found = {
        each: finding.reason
        for each in ("TokenReady", "Exposed", "Available")
        if (finding := find_for_condition(faults, each))
    }
    assert found == {condition: "First"}


def test_every_finding_needs_a_person() -> None:
    """A tenant that cannot be reconciled is stalled; the message has no details of the error."""
    error = explain_exception(ValueError("a secret"))
    found = [SILENT, error, explain_missing_key("scim-system/key", "no right")]
    assert {finding.outlook for finding in found} == {Outlook.STALLED}
    assert "ValueError" in error.message
    assert "a secret" not in error.message
    assert "Secret scim-system/key (no right)" in found[2].message


def test_a_removed_label() -> None:
    """The fault of an object without its label names the object and the label."""
    fault = explain_unlabelled(SERVICE, "contoso-scim")
    assert "removes the label" in fault.message
    assert "from the Service contoso-scim" in fault.message
