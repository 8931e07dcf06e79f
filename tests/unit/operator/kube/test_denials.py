"""Who refuses a write is named with the object and what to do, in words that stand still."""

from __future__ import annotations

import pytest
from scim_operator.api.tenant import Tenant
from scim_operator.desired.faults import explain, explain_failed_request
from scim_operator.kube import denials
from scim_operator.kube.errors import ApiError
from scim_operator.kube.kinds import INGRESS

from tests.unit.operator.sample import body

WHAT = "the Ingress contoso-scim"
URL = 'Post "https://policy.guard.svc:443/validate?timeout=10s"'


@pytest.mark.parametrize(
    ("message", "reason", "parts"),
    [
        (
            (
                'Internal error occurred: failed calling webhook "v.guard.example": failed to call '
                f"webhook: {URL}: dial tcp 10.96.3.4:443: connect: connection refused"
            ),
            "WebhookUnavailable",
            ("admission webhook v.guard.example does not answer (nothing listens there)", WHAT),
        ),
        (
            f'failed calling webhook "v.guard.example": {URL}: context deadline exceeded',
            "WebhookUnavailable",
            ("(no answer in time)", "repair what runs behind it"),
        ),
        (
            f'failed calling webhook "v.guard.example": {URL}: service "policy" not found',
            "WebhookUnavailable",
            ("(its Service does not exist)",),
        ),
        (
            f'failed calling webhook "v.guard.example": {URL}: no endpoints available for service',
            "WebhookUnavailable",
            ("(its Service has no ready pod)",),
        ),
        (
            (
                f'failed calling webhook "v.guard.example": {URL}: tls: failed to verify '
                f"certificate: "
                "x509: certificate signed by unknown authority"
            ),
            "WebhookUnavailable",
            ("(its certificate is not accepted)",),
        ),
        (
            'admission webhook "v.guard.example" denied the request: no host without a ticket',
            "AdmissionDenied",
            ("webhook v.guard.example refuses", "(no host without a ticket)", WHAT),
        ),
        (
            'admission webhook "v.guard.example" denied the request without explanation',
            "AdmissionDenied",
            ("v.guard.example", "explanation"),
        ),
        (
            (
                'ingresses.networking.k8s.io "contoso-scim" is forbidden: '
                "ValidatingAdmissionPolicy "
                "'hosts' with binding 'team-a' denied request: only hosts of ours"
            ),
            "AdmissionDenied",
            ("ValidatingAdmissionPolicy hosts (binding team-a)", "(only hosts of ours)", WHAT),
        ),
        (
            'services "x" is forbidden: exceeded quota: small, requested: services=1, used: 3',
            "QuotaExceeded",
            ("the quota small of namespace team-a has no room for", WHAT),
        ),
        (
            'pods "x" is forbidden: failed quota: cpu: must specify limits.cpu for: scim',
            "QuotaExceeded",
            ("the quota cpu", "must say limits.cpu for: scim", "spec.resources"),
        ),
        (
            (
                'pods "x" is forbidden: [maximum memory usage per Container is 128Mi, but limit is '
                "256Mi]"
            ),
            "LimitRangeViolated",
            ("a LimitRange of namespace team-a", "(maximum memory usage per Container is 128Mi"),
        ),
        (
            (
                'persistentvolumeclaims "x" is forbidden: minimum storage usage per '
                "PersistentVolumeClaim is 2Gi, but request is 1Gi"
            ),
            "LimitRangeViolated",
            ("minimum storage usage", "spec.database.sqlite.size"),
        ),
        (
            (
                'pods "x" is forbidden: violates PodSecurity "restricted:latest": seccompProfile ('
                'pod or container "sidecar" must set it)'
            ),
            "PodSecurityViolated",
            ("level restricted:latest", 'container "sidecar" must set it'),
        ),
        (
            (
                'pods "x" is forbidden: unable to validate against any security context '
                "constraint: "
                "[provider restricted-v2: .spec.securityContext.fsGroup: Invalid value]"
            ),
            "SecurityContextConstraint",
            ("restricted-v2",),
        ),
    ],
)
def test_culprits(message: str, reason: str, parts: tuple[str, ...]) -> None:
    """Each rule of admission is known by its sentence, also where it refuses a pod."""
    denial = denials.explain(message, WHAT, "team-a")
    assert denial
    assert denial.reason == reason
    for part in parts:
        assert part in denial.message


@pytest.mark.parametrize(
    "message", ["", "the server is overloaded", "etcdserver: request timed out", "not found"]
)
def test_nobody_is_accused(message: str) -> None:
    """A failure of the API server itself names no rule of admission."""
    assert denials.explain(message, WHAT, "team-a") is None


@pytest.mark.parametrize("code", [400, 403, 422, 500])
def test_any_status(code: int) -> None:
    """A webhook chooses the status of its refusal, and one that is down is an error of 500."""
    message = 'admission webhook "v.guard.example" denied the request: no'
    fault = explain(ApiError(code, message), INGRESS, "contoso-scim", Tenant.parse(body()))
    assert fault
    assert (fault.kind, fault.reason) == (INGRESS, "AdmissionDenied")
    assert "refuses the Ingress contoso-scim" in fault.message


def test_attempts_say_the_same() -> None:
    """What each attempt has otherwise, such as a pod's name, is no part of the message."""
    said = {
        denials.explain(
            f'admission webhook "g" denied the request: pod contoso-scim-5d8f9c7b6{end} is bad',
            WHAT,
            "team-a",
        )
        for end in ("-x7k2p", "-9qqzz", "-")
    }
    assert len(said) == 1
    assert denials.strip_pod_names("contoso-scim-token is there") == "contoso-scim-token is there"


def test_request_that_is_no_write_of_an_object() -> None:
    """Where a pass ends at another request, that one is named."""
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
