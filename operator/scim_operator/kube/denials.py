"""Denied writes, explained by the message of the webhook, policy, quota or limit that denied them.

The API server answers with the message of the admission plugin, and the ReplicaSet controller
repeats it for a pod. Details that change with each attempt (names of pods, ports, the used part of
a quota) are left out, because every change of a condition's message is a write.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple


class Denial(NamedTuple):
    """The reason of a condition, and a message that names the denying rule and the remedy."""

    reason: str
    message: str


class _Write(NamedTuple):
    """The denied write: its object with the article, and the namespace."""

    subject: str
    namespace: str


_POD_NAME = re.compile(
    r"(?<=-scim)-[bcdfghjklmnpqrstvwxz2456789]{5,10}(-[bcdfghjklmnpqrstvwxz2456789]{0,5})?(?![\w-])"
)
"""The generated suffix of a pod's name, in the alphabet of generated names."""

_CAUSES = (
    ("connection refused", "nothing listens there"),
    ("no endpoints available", "its Service has no ready pod"),
    ("not found", "its Service does not exist"),
    ("no such host", "its host does not exist"),
    ("certificate", "its certificate is not accepted"),
    ("deadline exceeded", "no answer in time"),
    ("timed out", "no answer in time"),
    ("i/o timeout", "no answer in time"),
)


def _describe_webhook_failure(found: re.Match[str], write: _Write) -> Denial:
    why = next((words for part, words in _CAUSES if part in found["why"]), "it fails")
    return Denial(
        "WebhookUnavailable",
        f"the admission webhook {found['name']} does not answer ({why}), and the API server "
        f"refuses {write.subject} without it: repair the program behind it, or remove its "
        "configuration (kubectl get mutatingwebhookconfigurations,validatingwebhookconfigurations)",
    )


def _describe_webhook_denial(found: re.Match[str], write: _Write) -> Denial:
    return Denial(
        "AdmissionDenied",
        f"the admission webhook {found['name']} refuses {write.subject} ({_quote(found)}): change "
        "the rejected part in the tenant or in the operator's settings, or let the webhook exempt "
        "the object",
    )


def _describe_policy_denial(found: re.Match[str], write: _Write) -> Denial:
    return Denial(
        "AdmissionDenied",
        f"the ValidatingAdmissionPolicy {found['name']} (binding {found['binding']}) refuses "
        f"{write.subject} ({_quote(found)}): change the rejected part in the tenant or in the "
        "operator's settings, or let the binding exempt the object",
    )


def _describe_exceeded_quota(found: re.Match[str], write: _Write) -> Denial:
    return Denial(
        "QuotaExceeded",
        f"the quota {found['name']} of namespace {write.namespace} is too small for "
        f"{write.subject}: raise the quota, or free a part of it",
    )


def _describe_missing_resources(found: re.Match[str], write: _Write) -> Denial:
    return Denial(
        "QuotaExceeded",
        f"the quota {found['name']} of namespace {write.namespace} refuses {write.subject}, which "
        f"does not specify {found['why'].rstrip('.')}: set that in spec.resources, or create a "
        "LimitRange with a default",
    )


def _describe_limit_range(found: re.Match[str], write: _Write) -> Denial:
    return Denial(
        "LimitRangeViolated",
        f"a LimitRange of namespace {write.namespace} refuses {write.subject} "
        f"({found['why'].rstrip('.')}): change spec.resources or spec.database.sqlite.size, or the "
        f"range (kubectl get limitranges -n {write.namespace})",
    )


def _describe_pod_security(found: re.Match[str], write: _Write) -> Denial:
    return Denial(
        "PodSecurityViolated",
        f"the Pod Security level {found['name']} of namespace {write.namespace} refuses "
        f"{write.subject} ({_quote(found)}): remove whatever adds that to the pod, or "
        "choose at most the level restricted (label pod-security.kubernetes.io/enforce)",
    )


def _describe_security_constraint(found: re.Match[str], write: _Write) -> Denial:
    return Denial(
        "SecurityContextConstraint",
        f"no security context constraint of the cluster admits {write.subject} ({_quote(found)}): "
        f"let the service account default of namespace {write.namespace} use one that admits it",
    )


_RULES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], _Write], Denial]], ...] = (
    (
        re.compile(r'failed calling webhook "(?P<name>[^"]+)": (?P<why>.*)', re.DOTALL),
        _describe_webhook_failure,
    ),
    (
        re.compile(
            r'admission webhook "(?P<name>[^"]+)" denied the request(?: without|: )(?P<why>.*)',
            re.DOTALL,
        ),
        _describe_webhook_denial,
    ),
    (
        re.compile(
            r"ValidatingAdmissionPolicy '(?P<name>[^']+)' with binding '(?P<binding>[^']+)' "
            r"denied request: (?P<why>.*)",
            re.DOTALL,
        ),
        _describe_policy_denial,
    ),
    (re.compile(r"exceeded quota: (?P<name>[^,]+),"), _describe_exceeded_quota),
    (
        re.compile(r"failed quota: (?P<name>[^:]+): must specify (?P<why>.*)"),
        _describe_missing_resources,
    ),
    (
        re.compile(r'violates PodSecurity "(?P<name>[^"]+)": (?P<why>.*)', re.DOTALL),
        _describe_pod_security,
    ),
    (
        re.compile(r"unable to validate against any security context constraint: (?P<why>.*)"),
        _describe_security_constraint,
    ),
    (
        re.compile(
            r"(?P<why>(?:(?:minimum|maximum) \S+ usage|\S+ max limit to request ratio) per \w+ is "
            r"[^]]*)"
        ),
        _describe_limit_range,
    ),
)


def explain(message: str, subject: str, namespace: str) -> Denial | None:
    """Return the explanation of a denied write; None if the message names no admission rule.

    Parameters
    ----------
    message
        The API server's message, or that in the condition of a ReplicaSet or Deployment.
    subject
        The denied object, with its article: ``the Service contoso-scim``.
    namespace
        Namespace of the object.
    """
    for pattern, describe in _RULES:
        if found := pattern.search(message):
            return describe(found, _Write(subject, namespace))
    return None


def strip_pod_names(message: str) -> str:
    """Return a message without the suffixes of pods' names, which differ with each attempt."""
    return _POD_NAME.sub("", message)


def _quote(found: re.Match[str]) -> str:
    return strip_pod_names(found["why"]).strip().rstrip(".")
