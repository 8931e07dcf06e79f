"""Denied writes: the message names the rule, the object and the remedy, and stays the same."""

from __future__ import annotations

import pytest
from scim_operator.kube import denials

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
            ("(no answer in time)", "repair the program behind it"),
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
            ("the quota small of namespace team-a is too small for", WHAT),
        ),
        (
            'pods "x" is forbidden: failed quota: cpu: must specify limits.cpu for: scim',
            "QuotaExceeded",
            ("the quota cpu", "does not specify limits.cpu for: scim", "spec.resources"),
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
def test_admission_rules(message: str, reason: str, parts: tuple[str, ...]) -> None:
    """Each admission rule is recognized by its message, also in the refusal of a pod."""
    denial = denials.explain(message, WHAT, "team-a")
    assert denial
    assert denial.reason == reason
    for part in parts:
        assert part in denial.message


@pytest.mark.parametrize(
    "message", ["", "the server is overloaded", "etcdserver: request timed out", "not found"]
)
def test_failures_of_the_api_server(message: str) -> None:
    """A failure of the API server itself is not attributed to an admission rule."""
    assert denials.explain(message, WHAT, "team-a") is None


def test_repeated_attempts_have_one_message() -> None:
    """The message leaves out what differs between attempts, such as the suffix of a pod's name."""
    messages = {
        denials.explain(
            f'admission webhook "g" denied the request: pod contoso-scim-5d8f9c7b6{end} is bad',
            WHAT,
            "team-a",
        )
        for end in ("-x7k2p", "-9qqzz", "-")
    }
    assert len(messages) == 1
    assert denials.strip_pod_names("contoso-scim-token is there") == "contoso-scim-token is there"
