"""Faults of a tenant's objects and failed reconciles, explained for the readers of a condition."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from scim_operator.api import names
from scim_operator.api.conditions import AVAILABLE, EXPOSED, TOKEN_READY, Finding, Outlook
from scim_operator.api.tenant import Tenant, UnreadableTenantError
from scim_operator.kube import denials
from scim_operator.kube.errors import ApiError
from scim_operator.kube.kinds import HTTP_ROUTE, INGRESS, SECRET, Kind


@dataclass(frozen=True, slots=True)
class Fault:
    """One object that is not as desired, and why.

    Attributes
    ----------
    kind
        Kind of the object; it decides which condition reports the fault.
    """

    kind: Kind
    reason: str
    message: str
    outlook: Outlook = Outlook.STALLED


class BlockedError(Exception):
    """The operator cannot reconcile a tenant until something else changes.

    Attributes
    ----------
    finding
        The cause.
    """

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.message)
        self.finding = finding


_CONDITIONS = {SECRET: TOKEN_READY, INGRESS: EXPOSED, HTTP_ROUTE: EXPOSED}
"""The condition that reports the faults of a kind; Available reports all others."""


def find_for_condition(faults: Sequence[Fault], condition: str) -> Finding | None:
    """Return the finding of the first fault that a condition reports; None if there is none."""
    for fault in faults:
        if _CONDITIONS.get(fault.kind, AVAILABLE) == condition:
            return Finding(False, fault.reason, fault.message, fault.outlook)
    return None


_FORBIDDEN = re.compile(
    r'cannot (?P<verb>\w+) resource "(?P<resource>[\w/]+)"'
    r'(?:.* in the namespace "(?P<namespace>[^"]+)")?'
)
_UNTYPED = "failed to create typed patch object"
_NO_NAMESPACE = re.compile(r'^namespaces "[^"]+" not found')
_TOO_LARGE = 413
_TIMEOUT = 504


def explain(error: ApiError, kind: Kind, name: str, tenant: Tenant) -> Fault | None:
    """Return the fault behind a failed write of an object; None if a retry may help."""
    subject = f"the {kind.name} {name}"
    namespace = tenant.key.namespace
    if denial := denials.explain(error.message, subject, namespace):
        return Fault(kind, *denial)
    if "being terminated" in error.message or _NO_NAMESPACE.search(error.message):
        return Fault(
            kind,
            "NamespaceTerminating",
            f"namespace {namespace} is being deleted, and the tenant with it",
            Outlook.SETTLED,
        )
    if error.code == 403:
        return _explain_forbidden(error, kind, subject, namespace)
    if error.code == 404:
        return Fault(
            kind,
            "KindMissing",
            f"the cluster has no {kind.name} ({kind.api_version}): install its CRDs, or choose "
            "another way of exposure",
        )
    # The API server answers a server-side apply of an unknown field with 500.
    if error.code in (400, _TOO_LARGE, 422) or error.message.startswith(_UNTYPED):
        return Fault(kind, "Invalid", f"the API server refuses {subject}: {error.message}")
    return None


def _explain_forbidden(error: ApiError, kind: Kind, subject: str, namespace: str) -> Fault:
    if "must support resize" in error.message:
        return Fault(
            kind,
            "VolumeCannotGrow",
            f"the StorageClass of {subject} does not let it grow: set allowVolumeExpansion on the "
            "class if its driver supports that; until then the volume keeps its size",
        )
    if right := _FORBIDDEN.search(error.message):
        return Fault(kind, "Forbidden", _describe_missing_right(right, f"namespace {namespace}"))
    return Fault(kind, "Forbidden", f"the API server refuses {subject}: {error.message}")


def explain_unlabelled(kind: Kind, name: str) -> Fault:
    """Return the fault of an object whose label an admission rule of the cluster removes."""
    return Fault(
        kind,
        "LabelTakenAway",
        f"an admission rule of the cluster removes the label {names.TENANT_LABEL} from the "
        f"{kind.name} {name} at each write, so the operator cannot manage the object: exempt it "
        "from the rule (kubectl get mutatingwebhookconfigurations,mutatingadmissionpolicies)",
    )


def _describe_missing_right(right: re.Match[str], where: str) -> str:
    return (
        f"the operator may not {right['verb']} {right['resource']} in {where}: grant its role that "
        "right"
    )


_FIND_CAUSE = (
    "find the cause, such as an admission webhook that does not answer (kubectl get "
    "mutatingwebhookconfigurations,validatingwebhookconfigurations)"
)

SILENT = Finding.stalled(
    "APIServerSilent",
    "the API server does not answer the operator's requests for this tenant in time: "
    f"{_FIND_CAUSE}, and read the operator's log",
)
"""The finding of a tenant whose reconciles fail because a request gets no answer."""


def explain_failed_request(error: ApiError, namespace: str) -> Finding:
    """Explain reconciles that fail because the API server refuses a request that each one needs."""
    if denial := denials.explain(error.message, error.request, namespace):
        return Finding.stalled(*denial)
    if error.code == _TIMEOUT:
        message = f"the API server does not complete {error.request} in time: {_FIND_CAUSE}"
        return Finding.stalled("APIServerSilent", message)
    if error.code == 403 and (right := _FORBIDDEN.search(error.message)):
        where = f"namespace {right['namespace']}" if right["namespace"] else "the cluster"
        return Finding.stalled("Forbidden", _describe_missing_right(right, where))
    return Finding.stalled(
        "APIServerRefuses",
        f"the API server refuses {error.request} ({error}), and the operator keeps retrying: see "
        "its log",
    )


def explain_exception(error: Exception) -> Finding:
    """Explain reconciles that fail because of an internal error of the operator.

    The error's text is only in the log, because it may contain details that a status must not show.
    """
    return Finding.stalled(
        "OperatorError",
        "the operator cannot reconcile this tenant because of an internal error "
        f"({type(error).__name__}), and keeps retrying: find the traceback in its log, and report "
        "the error",
    )


def explain_missing_key(where: str, why: str) -> Finding:
    """Explain that the operator does not start its work without the key of its seals."""
    return Finding.stalled(
        "OperatorKeyMissing",
        "the operator cannot start its work, because it cannot read or create its key, the Secret "
        f"{where} ({why}): grant its role get and create there, or restore the Secret from a "
        "backup",
    )


def explain_unreadable(error: UnreadableTenantError) -> Finding:
    """Explain that this version of the operator cannot read a tenant."""
    return Finding.stalled(
        "Unreadable",
        f"this version of the operator cannot read the tenant, and changes nothing: {error}. "
        "Correct the tenant, or install the version of the operator that the tenant was written "
        "for",
    )
