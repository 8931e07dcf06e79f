"""What the API server refuses is said with what to do; what passes by itself is not a fault."""

from __future__ import annotations

import pytest
from scim_operator.api.conditions import Outlook
from scim_operator.api.tenant import Tenant
from scim_operator.desired.faults import explain
from scim_operator.kube.errors import ApiError
from scim_operator.kube.kinds import HTTP_ROUTE, SERVICE, VOLUME_CLAIM

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
    """Each refusal that stays has its own reason, and names what to change."""
    fault = explain(ApiError(code, message), VOLUME_CLAIM, "contoso-scim-data", TENANT)
    assert fault is not None
    assert fault.reason == reason
    assert part in fault.message


@pytest.mark.parametrize("code", [409, 429, 500, 503])
def test_worth_another_try(code: int) -> None:
    """A refusal that may pass is tried again."""
    assert explain(ApiError(code, "later"), SERVICE, "contoso-scim", TENANT) is None


def test_terminating_namespace_is_no_emergency() -> None:
    """Nobody has to do anything about a namespace that is being deleted."""
    fault = explain(ApiError(403, "it is being terminated"), SERVICE, "contoso-scim", TENANT)
    assert fault is not None
    assert fault.outlook is Outlook.SETTLED


def test_missing_kind_names_it() -> None:
    """Without the Gateway API the message says which kind is missing."""
    fault = explain(ApiError(404, ""), HTTP_ROUTE, "contoso-scim", TENANT)
    assert fault is not None
    assert "HTTPRoute (gateway.networking.k8s.io/v1)" in fault.message
