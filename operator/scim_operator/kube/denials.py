"""Who refuses a write: a webhook, policy, quota, range or Pod Security, by its message. Pure.

The API server answers with the sentence of whichever admission plugin refuses, and the ReplicaSet
controller passes that on for a pod. What changes from one attempt to the next (names of pods,
ports, what a quota has used) is left out: every change of a condition's message is a write.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple


class Denial(NamedTuple):
    """Who refuses, as the reason of a condition, and a sentence with what to do."""

    reason: str
    message: str


class _Write(NamedTuple):
    """What is refused, with its article, and where."""

    what: str
    namespace: str


_POD_NAME = re.compile(
    r"(?<=-scim)-[bcdfghjklmnpqrstvwxz2456789]{5,10}(-[bcdfghjklmnpqrstvwxz2456789]{0,5})?(?![\w-])"
)
"""What the name of a pod has beside that of its Deployment, in the alphabet of generated names."""

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


def _webhook_fails(found: re.Match[str], write: _Write) -> Denial:
    why = next((words for part, words in _CAUSES if part in found["why"]), "it fails")
    return Denial(
        "WebhookUnavailable",
        f"the admission webhook {found['name']} does not answer ({why}), and the API server "
        f"refuses {write.what} without it: repair what runs behind it, or remove its "
        "configuration (kubectl get mutatingwebhookconfigurations,validatingwebhookconfigurations)",
    )


def _webhook_denies(found: re.Match[str], write: _Write) -> Denial:
    return Denial(
        "AdmissionDenied",
        f"the admission webhook {found['name']} refuses {write.what} ({_why(found)}): change what "
        "it objects to in the tenant or in the operator's settings, or have it exempt the object",
    )


def _policy_denies(found: re.Match[str], write: _Write) -> Denial:
    return Denial(
        "AdmissionDenied",
        f"the ValidatingAdmissionPolicy {found['name']} (binding {found['binding']}) refuses "
        f"{write.what} ({_why(found)}): change what it objects to in the tenant or in the "
        "operator's settings, or have its binding exempt the object",
    )


def _quota_exceeded(found: re.Match[str], write: _Write) -> Denial:
    return Denial(
        "QuotaExceeded",
        f"the quota {found['name']} of namespace {write.namespace} has no room for {write.what}: "
        "raise it, or free some of it",
    )


def _quota_unmet(found: re.Match[str], write: _Write) -> Denial:
    return Denial(
        "QuotaExceeded",
        f"the quota {found['name']} of namespace {write.namespace} refuses {write.what}, which "
        f"must say {found['why'].rstrip('.')}: give it in spec.resources, or a LimitRange with a "
        "default",
    )


def _out_of_range(found: re.Match[str], write: _Write) -> Denial:
    return Denial(
        "LimitRangeViolated",
        f"a LimitRange of namespace {write.namespace} refuses {write.what} "
        f"({found['why'].rstrip('.')}): change spec.resources or spec.database.sqlite.size, or the "
        f"range (kubectl get limitranges -n {write.namespace})",
    )


def _insecure(found: re.Match[str], write: _Write) -> Denial:
    return Denial(
        "PodSecurityViolated",
        f"the Pod Security level {found['name']} of namespace {write.namespace} refuses "
        f"{write.what} ({_why(found)}): remove what adds that to the pod, or choose the level "
        "restricted at most (label pod-security.kubernetes.io/enforce)",
    )


def _constrained(found: re.Match[str], write: _Write) -> Denial:
    return Denial(
        "SecurityContextConstraint",
        f"no security context constraint of the cluster admits {write.what} ({_why(found)}): let "
        f"the account default of namespace {write.namespace} use one that does",
    )


_READERS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], _Write], Denial]], ...] = (
    (
        re.compile(r'failed calling webhook "(?P<name>[^"]+)": (?P<why>.*)', re.DOTALL),
        _webhook_fails,
    ),
    (
        re.compile(
            r'admission webhook "(?P<name>[^"]+)" denied the request(?: without|: )(?P<why>.*)',
            re.DOTALL,
        ),
        _webhook_denies,
    ),
    (
        re.compile(
            r"ValidatingAdmissionPolicy '(?P<name>[^']+)' with binding '(?P<binding>[^']+)' "
            r"denied request: (?P<why>.*)",
            re.DOTALL,
        ),
        _policy_denies,
    ),
    (re.compile(r"exceeded quota: (?P<name>[^,]+),"), _quota_exceeded),
    (re.compile(r"failed quota: (?P<name>[^:]+): must specify (?P<why>.*)"), _quota_unmet),
    (re.compile(r'violates PodSecurity "(?P<name>[^"]+)": (?P<why>.*)', re.DOTALL), _insecure),
    (
        re.compile(r"unable to validate against any security context constraint: (?P<why>.*)"),
        _constrained,
    ),
    (
        re.compile(
            r"(?P<why>(?:(?:minimum|maximum) \S+ usage|\S+ max limit to request ratio) per \w+ is "
            r"[^]]*)"
        ),
        _out_of_range,
    ),
)


def explain(message: str, what: str, namespace: str) -> Denial | None:
    """Return who refuses; None if the message names nobody.

    Parameters
    ----------
    message
        The API server's sentence, or the one in the condition of a ReplicaSet or Deployment.
    what
        What is refused, with its article: ``the Service contoso-scim``.
    namespace
        Where that is.
    """
    for pattern, describe in _READERS:
        if found := pattern.search(message):
            return describe(found, _Write(what, namespace))
    return None


def strip_pod_names(message: str) -> str:
    """Return a message without the names of pods, of which each attempt has another."""
    return _POD_NAME.sub("", message)


def _why(found: re.Match[str]) -> str:
    return strip_pod_names(found["why"]).strip().rstrip(".")
